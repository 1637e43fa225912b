"""Places where attempts run, as their rows tell of them: which ones lose everything, and how many a job has.

A slot is quarantined after `LOSSES` attempts in a row, of at least two trials, that the infrastructure lost there: a
broken GPU fails whatever runs on it, and fast, so it would take every trial of the queue and lose it. After
`FIRST_S` it gets one attempt; if that is lost too, it is quarantined again, for twice as long.
"""

from dataclasses import dataclass
from itertools import takewhile

from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session

from store.clock import now, now_s
from store.errors import NotFound
from store.rows import upsert
from store.tables import Attempt, Job, SlotRelease, Trial

LOSSES = 3  # attempts in a row
FIRST_S, LONGEST_S = 60.0, 3600.0
LOOKED_AT = 10  # last attempts on a slot: enough to come to `LONGEST_S`
IS_LOST = Attempt.state == literal_column("'lost'")  # the index's predicate: a bound value would not match it


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A slot that gets no attempt for a while.

    Attributes:
        slot: "host/cuda:1". since_s, until_s: by the database's clock.
        message: the last loss there.
        losses: in a row, as far as one looks back.
    """

    slot: str
    until_s: float
    message: str
    since_s: float = 0.0
    losses: int = LOSSES


def quarantined(session: Session, slot: str | None = None, *, project: str | None = None) -> list[Quarantine]:
    """The slots that are quarantined now, by name; or the one given, if it is.

    Args:
        project: who reads it: the message of another project's loss is left out. None reads every one.
    """
    recent = now() - LONGEST_S
    suspects = select(Attempt.slot).where(IS_LOST, Attempt.ended_at_s > recent).distinct()
    if slot is not None:
        suspects = suspects.where(Attempt.slot == slot)
    at_s, found = now_s(session), []
    released = dict(session.execute(select(SlotRelease.slot, SlotRelease.released_at_s)).all())
    for name in sorted(session.scalars(suspects)):
        forgiven_s = released.get(name, 0.0)
        ended = select(Attempt).where(Attempt.slot == name, Attempt.state != "running")
        last = session.scalars(ended.order_by(Attempt.id.desc()).limit(LOOKED_AT))
        lost = list(takewhile(lambda attempt: _counts(attempt, forgiven_s), last))  # noqa: B023  # used up at once
        if len(lost) < LOSSES or len({attempt.trial_id for attempt in lost}) < 2:
            continue
        pause_s = min(LONGEST_S, FIRST_S * 2.0 ** (len(lost) - LOSSES))
        since_s = max(attempt.ended_at_s or 0.0 for attempt in lost)
        if since_s + pause_s > at_s:
            message = _message(session, lost[0], project)
            found.append(Quarantine(name, since_s + pause_s, message, since_s, len(lost)))
    return found


def release(session: Session, slot: str) -> None:
    """Let a slot out of quarantine: what was lost there until now does not count any more.

    Raises:
        NotFound: no attempt has ever run there.
    """
    if session.scalars(select(Attempt.id).where(Attempt.slot == slot).limit(1)).one_or_none() is None:
        raise NotFound(f"There is no slot {slot!a} where an attempt has run.")
    values = {"slot": slot, "released_at_s": now()}
    session.execute(upsert(session, SlotRelease, values, ["slot"], {"released_at_s": now()}))


def count_of(session: Session, job_id: str) -> int:
    """On how many slots the job's attempts have run so far."""
    query = select(func.count(Attempt.slot.distinct())).join(Trial).where(Trial.job_id == job_id)
    return session.scalars(query).one()


def _counts(attempt: Attempt, forgiven_s: float) -> bool:
    return attempt.state == "lost" and (attempt.ended_at_s or 0.0) > forgiven_s


def _message(session: Session, attempt: Attempt, project: str | None) -> str:
    query = select(Job.project).join(Trial).where(Trial.id == attempt.trial_id)
    if project is None or session.scalars(query).one() == project:
        return attempt.message
    return "An attempt of another project was lost there."
