"""What attempts measure as they go."""

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from sparseift.records import Progress
from store.rows import insert_unless_exists, lock_owned_attempt
from store.tables import Attempt, Report, Trial


def write_reports(session: Session, attempt_id: int, token: str, reports: Sequence[Progress]) -> None:
    """Write a batch. A step that was written before keeps its first report, so that a batch can be sent again.

    A loss or value that is not finite is stored as missing: SQLite has no NaN and JSON neither.

    Raises:
        Fenced: the attempt has ended, or the token is not its own.
    """
    lock_owned_attempt(session, attempt_id, token)
    rows = [{"attempt_id": attempt_id, **_finite(asdict(report))} for report in reports]
    if rows:
        session.execute(insert_unless_exists(session, Report, ["attempt_id", "step"]), rows)


def reports(session: Session, trial_id: int, limit: int = 500) -> list[Report]:
    """The trial's course by step, at most `limit` reports spread evenly over it, the first and the last included.

    A later attempt goes on from a checkpoint: what an earlier one reported from its first step on is left out.
    """
    later_report, later = aliased(Report), aliased(Attempt)
    superseded = exists().where(
        later.trial_id == trial_id,
        later.number > Attempt.number,
        later_report.attempt_id == later.id,
        later_report.step <= Report.step,
    )
    course = (
        select(
            Report.attempt_id,
            Report.step,
            (func.row_number().over(order_by=Report.step) - 1).label("place"),
            (func.count().over() - 1).label("last"),
        )
        .join(Attempt, Attempt.id == Report.attempt_id)
        .where(Attempt.trial_id == trial_id, ~superseded)
        .subquery()
    )
    # place p of 0 … last falls into bucket p · (limit − 1) // last; the first of each bucket is kept
    bucket = course.c.place * (limit - 1) // func.nullif(course.c.last, 0)
    bucket_before = (course.c.place - 1) * (limit - 1) // func.nullif(course.c.last, 0)
    kept = or_(course.c.place == 0, course.c.last < limit, bucket > bucket_before)
    query = (
        select(Report)
        .join(course, and_(Report.attempt_id == course.c.attempt_id, Report.step == course.c.step))
        .where(kept)
        .order_by(Report.step)
    )
    return list(session.scalars(query))


def latest_reports(session: Session, job_id: str) -> dict[int, Report]:
    """The last report of every running attempt of a job, by trial number: what a progress bar shows."""
    last = (
        select(Trial.number, Report.attempt_id, func.max(Report.step).label("step"))
        .join(Attempt, Attempt.id == Report.attempt_id)
        .join(Trial, Trial.id == Attempt.trial_id)
        .where(Trial.job_id == job_id, Attempt.state == "running")
        .group_by(Trial.number, Report.attempt_id)
        .subquery()
    )
    query = select(last.c.number, Report).join(
        last, and_(Report.attempt_id == last.c.attempt_id, Report.step == last.c.step)
    )
    return dict(session.execute(query).all())


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not isfinite(v) else v for k, v in values.items()}
