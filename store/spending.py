"""What a job has used up of its budget, from its rows."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from store.clock import now
from store.tables import Attempt, Job, Report, Trial


@dataclass(frozen=True, slots=True)
class Spent:
    """Amounts in the units of `records.Budget`'s fields of the same names; hours are of devices, not of slots."""

    wall_time_s: float
    device_hours: float
    training_flops: float


def spent(session: Session, job_id: str) -> Spent:
    """What the job has used up until now; a dead attempt is charged until its lease ran out, not until it was found.

    Work that was lost and done again counts once in FLOPs, and twice in hours.
    """
    working = case((Job.active_since_s.is_(None), 0.0), else_=now() - Job.active_since_s)
    held = func.coalesce(func.sum((ended_s() - Attempt.started_at_s) * device_share()), 0.0)
    return Spent(
        wall_time_s=session.scalars(select(Job.active_s + working).where(Job.id == job_id)).one(),
        device_hours=session.scalars(select(held).join(Trial).where(Trial.job_id == job_id)).one() / 3600.0,
        training_flops=_training_flops(session, job_id),
    )


def device_share() -> ColumnElement[float]:
    """Of a device, that an attempt's slot is: a quarter where four share a GPU, two where it has two; on a CPU, and in
    records that do not say, a slot counts as a device.
    """
    return func.coalesce(Attempt.environment["device_share"].as_float(), 1.0)


def mean_share(session: Session, job_id: str) -> float:
    """Of a device, that the slots of the job's attempts were so far; 1 before there is one."""
    query = select(func.coalesce(func.avg(device_share()), 1.0)).select_from(Attempt).join(Trial)
    share: float = session.scalars(query.where(Trial.job_id == job_id)).one()
    return share


def ended_s() -> ColumnElement[float]:
    """When an attempt ended; now, if it runs; when its lease ran out, if it died."""
    end = func.coalesce(Attempt.ended_at_s, now())
    is_abandoned = Attempt.state.in_(("running", "lost")) & (Attempt.lease_expires_at_s < end)
    return case((is_abandoned, Attempt.lease_expires_at_s), else_=end)


def _training_flops(session: Session, job_id: str) -> float:
    complete = select(func.coalesce(func.sum(Trial.training_flops), 0.0)).where(
        Trial.job_id == job_id, Trial.state == "complete"
    )
    reached = (
        select(func.max(Report.training_flops).label("flops"))
        .join(Attempt, Attempt.id == Report.attempt_id)
        .join(Trial, Trial.id == Attempt.trial_id)
        .where(Trial.job_id == job_id, Trial.state != "complete")
        .group_by(Trial.id)
        .subquery()
    )
    others = select(func.coalesce(func.sum(reached.c.flops), 0.0))
    spent: float = session.scalars(complete).one() + session.scalars(others).one()
    return spent
