"""The replayable log of a job. An event is written in the transaction of the change that it tells of."""

from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from store.clock import now
from store.tables import Event, Job


def append(session: Session, job_id: str, kind: str, payload: dict[str, Any]) -> None:
    """Add an event.

    The job's row is updated first and so locked until the commit: a job's events become visible in the order of
    their ids, and a reader that goes on after the last id it saw misses none.
    """
    session.execute(
        update(Job).where(Job.id == job_id).values(updated_at_s=now()),
    )
    session.execute(insert(Event).values(job_id=job_id, at_s=now(), kind=kind, payload=payload))


def after(session: Session, job_id: str, event_id: int, limit: int) -> list[Event]:
    """A job's events after `event_id` (0: from the beginning), at most `limit`, in order."""
    query = select(Event).where(Event.job_id == job_id, Event.id > event_id).order_by(Event.id).limit(limit)
    return list(session.scalars(query))
