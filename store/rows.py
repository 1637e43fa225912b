"""Row locks and guarded writes of single rows.

One order for everybody, so that nobody deadlocks: first the job, then its attempts, then its trials. On SQLite a
write transaction already excludes the others, and `FOR UPDATE` compiles to nothing.
"""

from typing import Any, TypeVar

from sqlalchemy import Insert, Select, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from store.errors import Fenced, NotFound, StateConflict
from store.tables import Attempt, Base, Job, Trial

Entity = TypeVar("Entity")


def lock_job(session: Session, job_id: str) -> Job:
    """The job's row, held until the end of the transaction.

    Raises:
        NotFound: there is no such job.
    """
    job = session.scalars(_locked(select(Job).where(Job.id == job_id))).one_or_none()
    if job is None:
        raise NotFound(f"There is no job '{job_id}'.")
    return job


def lock_owned_job(session: Session, job_id: str, token: str) -> Job:
    """The row of a job whose lease this is.

    Raises:
        Fenced: the token is not the lease's any more.
    """
    job = session.scalars(_locked(select(Job).where(Job.id == job_id, Job.lease_token == token))).one_or_none()
    if job is None:
        raise Fenced(f"Job '{job_id}' is not leased to this worker any more.")
    return job


def lock_job_of_attempt(session: Session, attempt_id: int) -> Job:
    """The job that an attempt belongs to, held until the end of the transaction.

    Raises:
        NotFound: there is no such attempt.
    """
    query = select(Trial.job_id).join(Attempt, Attempt.trial_id == Trial.id).where(Attempt.id == attempt_id)
    job_id = session.scalars(query).one_or_none()
    if job_id is None:
        raise NotFound(f"There is no attempt {attempt_id}.")
    return lock_job(session, job_id)


def lock_owned_attempt(session: Session, attempt_id: int, token: str) -> Attempt:
    """The row of a running attempt whose lease this is.

    Raises:
        Fenced: the attempt has ended, or the token is not its own.
    """
    query = select(Attempt).where(Attempt.id == attempt_id, Attempt.state == "running", Attempt.token == token)
    attempt = session.scalars(_locked(query)).one_or_none()
    if attempt is None:
        raise Fenced(f"Attempt {attempt_id} is not this process's any more.")
    return attempt


def move_trial(session: Session, trial_id: int, old_state: str, **values: Any) -> Trial:
    """Change a trial that is in `old_state`.

    Raises:
        StateConflict: it is in another one.
    """
    trial = session.scalars(
        update(Trial).where(Trial.id == trial_id, Trial.state == old_state).values(**values).returning(Trial),
    ).one_or_none()
    if trial is None:
        old = session.scalars(select(Trial).where(Trial.id == trial_id)).one()
        raise StateConflict(f"Trial {old.number} is {old.state} and not {old_state}.", old.state)
    return trial


def insert_unless_exists(session: Session, table: type[Base], unique: list[str]) -> Insert:
    """INSERT … ON CONFLICT (unique) DO NOTHING: concurrent writers of one key make one row."""
    statement: Insert = _dialect(session).insert(table).on_conflict_do_nothing(index_elements=unique)
    return statement


def upsert(
    session: Session, table: type[Base], values: dict[str, Any], unique: list[str], again: dict[str, Any]
) -> Insert:
    """INSERT … ON CONFLICT (unique) DO UPDATE: the row with these values, or the one that is there, changed."""
    statement = _dialect(session).insert(table).values(values)
    found: Insert = statement.on_conflict_do_update(index_elements=unique, set_=again)
    return found


def _dialect(session: Session) -> Any:
    return postgresql if session.get_bind().dialect.name == "postgresql" else sqlite


def _locked(query: Select[Entity]) -> Select[Entity]:
    # NO KEY: rows that refer to this one can still be inserted
    return query.with_for_update(key_share=True)
