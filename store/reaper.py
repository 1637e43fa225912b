"""Lets go of what the dead hold, with nobody else alive but the caller.

The caller must not reap during the first lease time (TTL) after the database itself was out of reach: attempts that
could not renew their leases then are healthy and about to do so.
"""

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from store import events, jobs
from store.clock import now, now_s
from store.endings import lease_is_over, lose_expired
from store.rows import lock_job
from store.tables import Attempt, Job, Trial


def reap(session: Session) -> int:
    """Lose running attempts whose lease has run out, free jobs whose owner's has, and end jobs that were asked to
    cancel and have neither an owner nor a running attempt. All by the database's clock.

    Returns:
        How many changes were made.
    """
    changes = 0
    for job_id in _neglected(session):  # by rising id: two reapers lock in the same order
        job = lock_job(session, job_id)
        changes += lose_expired(session, job)
        if job.lease_expires_at_s is not None and job.lease_expires_at_s < now_s(session):
            owner = job.lease_owner
            jobs.disown(session, job_id)
            events.append(session, job_id, "job.unowned", {"state": job.state, "worker": owner})
            changes += 1
        job = lock_job(session, job_id)
        if job.wanted == "cancel" and job.lease_token is None and not _runs(session, job_id):
            jobs.end(session, job_id, ("stopping",), "cancelled", "cancelled", "Cancelled; its worker was gone.")
            changes += 1
    return changes


def _neglected(session: Session) -> list[str]:
    running = exists().where(Trial.job_id == Job.id, Attempt.trial_id == Trial.id, Attempt.state == "running")
    abandoned = (Job.wanted == "cancel") & Job.lease_token.is_(None) & ~running
    query = (
        select(Job.id)
        .where(Job.state.in_(jobs.ACTIVE))
        .where(or_(Job.lease_expires_at_s < now(), abandoned, _has_expired_attempt()))
        .order_by(Job.id)
    )
    return list(session.scalars(query))


def _has_expired_attempt() -> ColumnElement[bool]:
    return exists().where(
        Trial.job_id == Job.id, Attempt.trial_id == Trial.id, Attempt.state == "running", lease_is_over()
    )


def _runs(session: Session, job_id: str) -> bool:
    query = select(Attempt.id).join(Trial).where(Trial.job_id == job_id, Attempt.state == "running").limit(1)
    return session.scalars(query).one_or_none() is not None
