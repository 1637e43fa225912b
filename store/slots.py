"""Places where attempts run, as their rows tell of them: which ones lose everything, and how many a job has.

A slot is quarantined after `LOSSES` attempts in a row, of at least two trials, that the infrastructure lost there: a
broken GPU fails whatever runs on it, and fast, so it would take every trial of the queue and lose it. After
`QUARANTINE_S` it gets one attempt; if that is lost too, it is quarantined again.
"""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.clock import now, now_s
from store.tables import Attempt, Trial

LOSSES = 3  # attempts in a row
QUARANTINE_S = 600.0


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A slot that gets no attempt for a while.

    Attributes:
        slot: "host/cuda:1". until_s: by the database's clock.
        message: the last loss there.
    """

    slot: str
    until_s: float
    message: str


def quarantined(session: Session, slot: str | None = None) -> list[Quarantine]:
    """The slots that are quarantined now, by name; or the one given, if it is."""
    recent = now() - QUARANTINE_S
    suspects = select(Attempt.slot).where(Attempt.state == "lost", Attempt.ended_at_s > recent).distinct()
    if slot is not None:
        suspects = suspects.where(Attempt.slot == slot)
    found = []
    for name in sorted(session.scalars(suspects)):
        last = list(
            session.scalars(
                select(Attempt)
                .where(Attempt.slot == name, Attempt.state != "running")
                .order_by(Attempt.id.desc())
                .limit(LOSSES),
            )
        )
        ended_s = max(attempt.ended_at_s or 0.0 for attempt in last)
        is_bad = len(last) == LOSSES and all(a.state == "lost" for a in last) and len({a.trial_id for a in last}) > 1
        if is_bad and ended_s + QUARANTINE_S > now_s(session):
            found.append(Quarantine(name, ended_s + QUARANTINE_S, last[0].message))
    return found


def count_of(session: Session, job_id: str) -> int:
    """On how many slots the job's attempts have run so far."""
    query = select(func.count(Attempt.slot.distinct())).join(Trial).where(Trial.job_id == job_id)
    return session.scalars(query).one()
