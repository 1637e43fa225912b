"""Workers as they tell of themselves, and what runs on their slots.

A worker is alive while it has told of itself within its lease time (TTL), by the database's clock, like its leases.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.orm import Session, aliased

from store import slots
from store.clock import now, now_s
from store.rows import upsert
from store.tables import Attempt, Job, Trial, Worker

FORGOTTEN_AFTER_S = 7 * 86_400.0  # since it was last seen


@dataclass(frozen=True, slots=True)
class Busy:
    """An attempt that runs: where, whose, since when (database clock)."""

    slot: str
    worker: str
    job_id: str
    project: str
    trial: int
    attempt: int
    started_at_s: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A worker's row, and what the database knows beside it.

    Attributes:
        alive: whether it has told of itself within its lease time, and has not said goodbye.
        job_id, project: of the job that it drives; None: none.
    """

    row: Worker
    alive: bool
    job_id: str | None
    project: str | None


def tell(
    session: Session,
    name: str,
    *,
    host: str,
    process: str,
    engine: str,
    slot_names: Sequence[str],
    versions: Mapping[str, Any],
    lease_ttl_s: float,
) -> None:
    """The worker is alive: its row is made, or its time of being seen is now."""
    values = {
        "name": name,
        "host": host,
        "process": process,
        "engine": engine,
        "slots": list(slot_names),
        "versions": dict(versions),
        "lease_ttl_s": lease_ttl_s,
        "started_at_s": now(),
        "seen_at_s": now(),
        "stopped_at_s": None,
    }
    again = {"slots": list(slot_names), "seen_at_s": now(), "stopped_at_s": None}
    session.execute(upsert(session, Worker, values, ["name"], again))


def leave(session: Session, name: str) -> None:
    """The worker has ended in good order; one that never told of itself is passed over."""
    session.execute(update(Worker).where(Worker.name == name).values(seen_at_s=now(), stopped_at_s=now()))


def running_on(session: Session, host: str) -> list[tuple[Attempt, str]]:
    """The attempts that run on a host, of any job, and the process of each one's worker; "" where it is not known."""
    query = (
        select(Attempt, func.coalesce(Worker.process, ""))
        .outerjoin(Worker, Worker.name == Attempt.worker)
        .where(Attempt.state == "running", Attempt.slot.startswith(f"{host}/", autoescape=True))
        .order_by(Attempt.id)
    )
    return [(attempt, process) for attempt, process in session.execute(query)]


def forget_old(session: Session) -> None:
    """Forget workers that were not seen for a week."""
    session.execute(delete(Worker).where(Worker.seen_at_s < now() - FORGOTTEN_AFTER_S))


def page(session: Session, *, after: str | None = None, limit: int) -> list[Seen]:
    """At most `limit` workers by name, those after that name (None: from the first on)."""
    held = aliased(Job)  # one job at a time; should two leases bear its name, the older job is shown
    driven = select(func.min(held.id)).where(held.lease_owner == Worker.name, held.lease_expires_at_s >= now())
    query = select(Worker, _is_alive(), Job.id, Job.project).join(
        Job, Job.id == driven.correlate(Worker).scalar_subquery(), isouter=True
    )
    if after is not None:
        query = query.where(Worker.name > after)
    return [Seen(*row) for row in session.execute(query.order_by(Worker.name).limit(limit))]


def busy(session: Session, workers: Sequence[str] | None = None) -> list[Busy]:
    """The attempts that run, of all workers or of these, by slot."""
    query = (
        select(
            Attempt.slot, Attempt.worker, Trial.job_id, Job.project, Trial.number, Attempt.number, Attempt.started_at_s
        )
        .join(Trial, Trial.id == Attempt.trial_id)
        .join(Job, Job.id == Trial.job_id)
        .where(Attempt.state == "running")
        .order_by(Attempt.slot, Attempt.id)
    )
    if workers is not None:
        query = query.where(Attempt.worker.in_(workers))
    return [Busy(*row) for row in session.execute(query)]


@dataclass(frozen=True, slots=True)
class SlotState:
    """A place where attempts run.

    Attributes:
        worker: who has it; None where its worker is gone. busy: what runs there; quarantine: why nothing new does.
    """

    slot: str
    worker: str | None
    busy: Busy | None
    quarantine: slots.Quarantine | None


def all_slots(session: Session, *, project: str | None = None) -> list[SlotState]:
    """Every slot of a worker that lives, every one where something runs, and every one in quarantine, by name.

    Args:
        project: who reads it; see `slots.quarantined`.
    """
    owners = {
        slot: name
        for name, names in session.execute(select(Worker.name, Worker.slots).where(_is_alive()))
        for slot in names
    }
    runs = {found.slot: found for found in busy(session)}
    bad = {found.slot: found for found in slots.quarantined(session, project=project)}
    names = sorted(owners.keys() | runs.keys() | bad.keys())
    return [
        SlotState(name, runs[name].worker if name in runs else owners.get(name), runs.get(name), bad.get(name))
        for name in names
    ]


def counts(session: Session) -> dict[str, int]:
    """How many workers are alive, have stopped in good order, or were lost."""
    at_s = now_s(session)
    found = {"alive": 0, "stopped": 0, "lost": 0}
    for seen_at_s, ttl_s, stopped_at_s in session.execute(
        select(Worker.seen_at_s, Worker.lease_ttl_s, Worker.stopped_at_s)
    ):
        found["stopped" if stopped_at_s is not None else "alive" if seen_at_s + ttl_s >= at_s else "lost"] += 1
    return found


def _is_alive() -> Any:
    return and_(Worker.stopped_at_s.is_(None), Worker.seen_at_s + Worker.lease_ttl_s >= now())
