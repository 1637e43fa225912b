"""A job's trials as columns, whole or what has changed, and its newest attempts: for pages that poll thousands."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from store.exports import OF_SCHEDULE, SAME_OF_TRIAL, flat
from store.tables import Attempt, Event, Trial

NAMES = (*SAME_OF_TRIAL, "nominal_sparsity", "flop_multiple", *OF_SCHEDULE)  # of the columns, units in them
OF_ATTEMPT = ("trial", "attempt", "family", "slot", "state", "trial_state", "began_s", "ended_s")
MOST_CHANGED = 500  # trials that are looked up one by one; of more, all are read


def read(session: Session, job_id: str, changed: Sequence[int] | None) -> dict[str, list[Any]]:
    """The job's trials of these numbers, or all: by number, one list per name of `NAMES`, all as long."""
    query = select(*(getattr(Trial, name) for name in SAME_OF_TRIAL), Trial.configuration)
    query = query.where(Trial.job_id == job_id).order_by(Trial.number)
    if changed is not None:
        query = query.where(Trial.number.in_(changed))
    rows = [(*row[:-1], *flat(row[-1])) for row in session.execute(query)]
    values = zip(*rows, strict=True) if rows else ((),) * len(NAMES)
    return dict(zip(NAMES, map(list, values), strict=True))


def changed(session: Session, job_id: str, since: int) -> list[int] | None:
    """Numbers of the trials that the job's events after `since` tell of; None: all of them, for 0, and where too many
    have changed."""
    if since <= 0:
        return None
    query = select(Event.payload).where(Event.job_id == job_id, Event.id > since).limit(MOST_CHANGED + 1)
    payloads: Sequence[dict[str, Any]] = session.scalars(query).all()
    if len(payloads) > MOST_CHANGED:
        return None
    return sorted({int(p["trial"]) for p in payloads if "trial" in p})


def newest_attempts(session: Session, job_id: str, most: int) -> dict[str, list[Any]]:
    """The job's newest attempts, oldest first: one list per name of `OF_ATTEMPT`; `ended_s` None while it runs."""
    columns = (
        Trial.number, Attempt.number, Trial.family, Attempt.slot, Attempt.state, Trial.state, Attempt.started_at_s,
        Attempt.ended_at_s,
    )  # fmt: skip
    query: Select[*tuple[Any, ...]] = (
        select(*columns)
        .join(Trial, Attempt.trial_id == Trial.id)
        .where(Trial.job_id == job_id)
        .order_by(Attempt.id.desc())
        .limit(most)
    )
    rows = [tuple(row) for row in session.execute(query)][::-1]
    values = zip(*rows, strict=True) if rows else ((),) * len(OF_ATTEMPT)
    return dict(zip(OF_ATTEMPT, map(list, values), strict=True))
