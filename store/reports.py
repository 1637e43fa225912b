"""What attempts measure as they go."""

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from sqlalchemy import and_, case, exists, func, or_, select
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
    """The trial's course by step, at most `limit` reports: the first and the last, and of those between the ones that
    hold an evaluation before others, as they are few; each of the two sorts spread evenly.

    A later attempt goes on from a checkpoint: what an earlier one reported from its first step on is left out.
    """
    later_report, later = aliased(Report), aliased(Attempt)
    superseded = exists().where(
        later.trial_id == trial_id,
        later.number > Attempt.number,
        later_report.attempt_id == later.id,
        later_report.step <= Report.step,
    )
    place, last = func.row_number().over(order_by=Report.step), func.count().over()
    sort = case((place == 1, "first"), (place == last, "last"), (Report.value.is_not(None), "value"), else_="other")
    course = (
        select(Report.attempt_id, Report.step, sort.label("sort"))
        .join(Attempt, Attempt.id == Report.attempt_id)
        .where(Attempt.trial_id == trial_id, ~superseded)
        .subquery()
    )
    among = (
        select(
            course,
            func.row_number().over(partition_by=course.c.sort, order_by=course.c.step).label("place"),
            func.count().over(partition_by=course.c.sort).label("size"),
            func.sum(case((course.c.sort == "value", 1), else_=0)).over().label("evaluations"),
        )
    ).subquery()
    room = max(0, limit - 2)
    for_values = case((among.c.evaluations < room, among.c.evaluations), else_=room)
    share = case((among.c.sort == "value", for_values), else_=room - for_values) + 1
    # Place p of 1 … size lies p · share / (size + 1) gaps in: it is kept where a gap ends, `share` − 1 times in all.
    ends_a_gap = among.c.place * share // (among.c.size + 1) > (among.c.place - 1) * share // (among.c.size + 1)
    ends = ["first", "last"][:limit]
    query = (
        select(Report)
        .join(among, and_(Report.attempt_id == among.c.attempt_id, Report.step == among.c.step))
        .where(or_(among.c.sort.in_(ends), and_(among.c.sort.not_in(["first", "last"]), ends_a_gap)))
        .order_by(Report.step)
    )
    return list(session.scalars(query))


def courses(session: Session, job_id: str, family: str) -> dict[int, list[tuple[float, float]]]:
    """(training FLOPs, metric) of every evaluation of a family's ended search trials, rising, by trial number: of
    complete and of pruned ones. A step that several attempts came to counts once.
    """
    query = (
        select(Trial.number, Report.step, Report.training_flops, Report.value)
        .join(Attempt, Attempt.id == Report.attempt_id)
        .join(Trial, Trial.id == Attempt.trial_id)
        .where(
            Trial.job_id == job_id,
            Trial.family == family,
            Trial.kind == "search",
            Trial.state.in_(("complete", "pruned")),
            Report.value.is_not(None),
        )
        .order_by(Trial.number, Report.step, Attempt.number)
    )
    found: dict[int, dict[int, tuple[float, float]]] = {}
    for number, step, flops, value in session.execute(query):
        assert value is not None, "asked for above"
        found.setdefault(number, {})[step] = (flops, value)
    return {number: list(steps.values()) for number, steps in found.items()}


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


def paces(session: Session, job_id: str) -> list[float]:
    """Seconds that a whole trial takes at the pace of each running attempt of the job, between its first report and
    its last: what comes before the first (imports, data, compiling) says nothing of the rest. By attempt; those with
    one report have none.
    """
    ends = (
        select(Report.attempt_id, func.min(Report.step).label("first"), func.max(Report.step).label("last"))
        .join(Attempt, Attempt.id == Report.attempt_id)
        .join(Trial, Trial.id == Attempt.trial_id)
        .where(Trial.job_id == job_id, Attempt.state == "running")
        .group_by(Report.attempt_id)
        .subquery()
    )
    first, last = aliased(Report), aliased(Report)
    query = (
        select((last.seconds - first.seconds) * last.total_steps / (last.step - first.step))
        .join(ends, and_(ends.c.attempt_id == last.attempt_id, ends.c.last == last.step))
        .join(first, and_(ends.c.attempt_id == first.attempt_id, ends.c.first == first.step))
        .where(last.step > first.step)
        .order_by(last.attempt_id)
    )
    return list(session.scalars(query))


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not isfinite(v) else v for k, v in values.items()}
