"""Jobs that have ended and are put away: out of the lists, or for ever."""

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from store import events, jobs, listing
from store.clock import now
from store.errors import StateConflict
from store.rows import insert_unless_exists, lock_job
from store.tables import Job, Removal

KEPT_S = 30 * 86_400.0  # for so long workers look for the files of a deleted job


def archive(session: Session, job_id: str) -> Job:
    """Lists leave the job out from now on; everything of it stays.

    Raises:
        NotFound: there is no such job.
        StateConflict: it has not ended.
    """
    job = _ended(session, job_id, "archived")
    return job if job.archived_at_s is not None else _put(session, job_id, "archived")


def unarchive(session: Session, job_id: str) -> Job:
    """Back into the lists; errors as `archive`."""
    job = _ended(session, job_id, "unarchived")
    return job if job.archived_at_s is None else _put(session, job_id, "unarchived")


def remove(session: Session, job_id: str) -> None:
    """Delete the job with its trials, reports and events, and record that its files are to go.

    Raises:
        NotFound: there is no such job.
        StateConflict: it has not ended, or a job that has not ended starts from its results.
    """
    job = _ended(session, job_id, "deleted")
    users = listing.started_from(session, job_id, jobs.ACTIVE)
    if users:
        raise StateConflict(
            f"Job '{job_id}' cannot be deleted: '{users[0]}' starts from it, and has not ended.", job.state
        )
    session.execute(insert_unless_exists(session, Removal, ["job_id"]).values(job_id=job_id, asked_at_s=now()))
    session.execute(delete(Job).where(Job.id == job_id))


def removed(session: Session) -> list[str]:
    """The jobs whose files are to go from every artifact root that has them."""
    return list(session.scalars(select(Removal.job_id).order_by(Removal.job_id)))


def forget_removed(session: Session) -> None:
    """Forget the jobs that were deleted long ago: every worker has looked for their files since."""
    session.execute(delete(Removal).where(Removal.asked_at_s < now() - KEPT_S))


def _ended(session: Session, job_id: str, wish: str) -> Job:
    job = lock_job(session, job_id)
    if job.state not in jobs.TERMINAL:
        raise StateConflict(
            f"Job '{job_id}' is {job.state} and cannot be {wish}: only a job that has ended can.", job.state
        )
    return job


def _put(session: Session, job_id: str, word: str) -> Job:
    value = now() if word == "archived" else None
    job = session.scalars(update(Job).where(Job.id == job_id).values(archived_at_s=value).returning(Job)).one()
    events.append(session, job_id, f"job.{word}", {"state": job.state})
    return job
