"""Places where attempts run, as their rows tell of them: which ones lose everything, and how many a job has.

A slot is quarantined after `LOSSES` attempts in a row, of at least two trials, that the infrastructure lost there: a
broken GPU fails whatever runs on it, and fast, so it would take every trial of the queue and lose it. After
`FIRST_S` it gets one attempt; if that is lost too, it is quarantined again, for twice as long.
"""

from dataclasses import dataclass
from itertools import takewhile

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.clock import now, now_s
from store.tables import Attempt, Trial

LOSSES = 3  # attempts in a row
FIRST_S, LONGEST_S = 60.0, 3600.0
LOOKED_AT = 10  # last attempts on a slot: enough to come to `LONGEST_S`


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
    recent = now() - LONGEST_S
    suspects = select(Attempt.slot).where(Attempt.state == "lost", Attempt.ended_at_s > recent).distinct()
    if slot is not None:
        suspects = suspects.where(Attempt.slot == slot)
    at_s, found = now_s(session), []
    for name in sorted(session.scalars(suspects)):
        ended = select(Attempt).where(Attempt.slot == name, Attempt.state != "running")
        last = session.scalars(ended.order_by(Attempt.id.desc()).limit(LOOKED_AT))
        lost = list(takewhile(lambda attempt: attempt.state == "lost", last))
        if len(lost) < LOSSES or len({attempt.trial_id for attempt in lost}) < 2:
            continue
        pause_s = min(LONGEST_S, FIRST_S * 2.0 ** (len(lost) - LOSSES))
        until_s = max(attempt.ended_at_s or 0.0 for attempt in lost) + pause_s
        if until_s > at_s:
            found.append(Quarantine(name, until_s, lost[0].message))
    return found


def count_of(session: Session, job_id: str) -> int:
    """On how many slots the job's attempts have run so far."""
    query = select(func.count(Attempt.slot.distinct())).join(Trial).where(Trial.job_id == job_id)
    return session.scalars(query).one()
