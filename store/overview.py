"""What is shown of jobs beside their rows: each function is one query, whatever the number of trials."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.tables import Attempt, Event, Job, Trial

MILESTONES = (
    "job.queued", "job.running", "job.paused", "job.stopping", "job.succeeded", "job.failed", "job.cancelled",
    "job.extended", "job.search_closed",
)  # fmt: skip
RECENT = 101  # trials that an estimate of a trial's time rests on


def counts_of(session: Session, job_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """As `jobs.counts`, for several jobs at once; a job without trials has an empty entry."""
    query = (
        select(Trial.job_id, Trial.state, func.count())
        .where(Trial.job_id.in_(job_ids))
        .group_by(Trial.job_id, Trial.state)
    )
    found: dict[str, dict[str, int]] = {job_id: {} for job_id in job_ids}
    for job_id, state, count in session.execute(query):
        found[job_id][state] = count
    return found


def recent_seconds(session: Session, job_id: str) -> list[float]:
    """Seconds of training that the job's last complete trials took, newest first, at most `RECENT`."""
    query = (
        select(Trial.training_seconds)
        .where(Trial.job_id == job_id, Trial.state == "complete", Trial.training_seconds.is_not(None))
        .order_by(Trial.number.desc())
        .limit(RECENT)
    )
    return [seconds for seconds in session.scalars(query) if seconds is not None]


def attempts_of(session: Session, trial_id: int) -> list[Attempt]:
    """A trial's attempts, first to last."""
    return list(session.scalars(select(Attempt).where(Attempt.trial_id == trial_id).order_by(Attempt.number)))


def milestones(session: Session, job_id: str, after: int) -> list[Event]:
    """The events of a job after an id that tell what became of it as a whole, in order; not those of its trials, nor
    which worker drives it.
    """
    query = select(Event).where(Event.job_id == job_id, Event.id > after, Event.kind.in_(MILESTONES))
    return list(session.scalars(query.order_by(Event.id)))


def last_event(session: Session, job_id: str) -> int:
    """Id of the job's newest event: the version of all that is shown of it. 0 for an unknown job."""
    return session.scalars(select(func.max(Event.id)).where(Event.job_id == job_id)).one() or 0


def last_event_s(session: Session, job_id: str) -> float | None:
    """When the job's newest event was; None for an unknown job."""
    return session.scalars(select(Event.at_s).where(Event.job_id == job_id).order_by(Event.id.desc()).limit(1)).first()


def last_events(session: Session, job_ids: Sequence[str]) -> dict[str, int]:
    """As `last_event`, for several jobs at once; unknown ones are left out."""
    newest = select(func.coalesce(func.max(Event.id), 0)).where(Event.job_id == Job.id).scalar_subquery()
    return dict(session.execute(select(Job.id, newest).where(Job.id.in_(job_ids))).all())
