"""How much there is of everything, for an operator's graphs: counts over all jobs, and never a job's name."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store import jobs, trials, workers
from store.clock import now_s
from store.tables import Job, Trial

SLOT_STATES = ("free", "busy", "quarantined")


@dataclass(frozen=True, slots=True)
class Facts:
    """Counts by state, every state named.

    Attributes:
        oldest_queued_s: how long the job has waited that has waited longest; 0 where none waits.
    """

    jobs: dict[str, int]
    archived: int
    trials: dict[str, int]
    workers: dict[str, int]
    slots: dict[str, int]
    oldest_queued_s: float


def facts(session: Session) -> Facts:
    """As they are in the session's snapshot."""
    job_counts = session.execute(select(Job.state, func.count()).group_by(Job.state)).all()
    trial_counts = session.execute(select(Trial.state, func.count()).group_by(Trial.state)).all()
    slots = dict.fromkeys(SLOT_STATES, 0)
    for slot in workers.all_slots(session):
        slots["busy" if slot.busy else "quarantined" if slot.quarantine else "free"] += 1
    oldest = session.scalars(select(func.min(Job.created_at_s)).where(Job.state == "queued")).one()
    return Facts(
        jobs={**dict.fromkeys(jobs.STATES, 0), **dict(job_counts)},
        archived=session.scalars(select(func.count()).where(Job.archived_at_s.is_not(None))).one(),
        trials={**dict.fromkeys(trials.STATES, 0), **dict(trial_counts)},
        workers=workers.counts(session),
        slots=slots,
        oldest_queued_s=0.0 if oldest is None else max(0.0, now_s(session) - oldest),
    )
