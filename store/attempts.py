"""Attempts: executions of a trial, running → finished | handed_back | lost | failed | cancelled. The attempt's own
process renews its lease, learns there of a stop, and carries its token in every write; a late one is refused and
changes nothing.

What an attempt measures, saves and comes to is written in `store.reports`, `.checkpoints` and `.endings`; all of it
is reached through here.
"""

from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from store import events
from store.checkpoints import newest_checkpoint, saved_checkpoint
from store.clock import now
from store.endings import (
    FAILURE_CLASSES,
    MAX_LOSSES,
    cancel,
    fail,
    finish,
    hand_back,
    lease_is_over,
    lose,
    lost_without_progress,
    prune,
    stopped,
)
from store.errors import Fenced, NotFound, StateConflict
from store.ids import new_token
from store.reports import courses, latest_reports, reports, write_reports
from store.rows import lock_owned_attempt, lock_owned_job, move_trial
from store.tables import Attempt, Trial

__all__ = [
    "FAILURE_CLASSES",
    "MAX_LOSSES",
    "add_environment",
    "cancel",
    "courses",
    "expired",
    "fail",
    "finish",
    "hand_back",
    "latest_reports",
    "lose",
    "newest_checkpoint",
    "prune",
    "renew",
    "reports",
    "retries",
    "running",
    "saved_checkpoint",
    "set_process",
    "start",
    "stopped",
    "write_reports",
]


def start(
    session: Session,
    trial_id: int,
    *,
    job_token: str,
    worker: str,
    slot: str,
    ttl_s: float,
    environment: dict[str, Any],
    log_path: str,
) -> Attempt:
    """The next attempt of a waiting trial, leased for `ttl_s` seconds; its `token` goes to the process that runs it.

    Raises:
        NotFound: there is no such trial.
        Fenced: the job's lease is another's.
        StateConflict: the job is not running, or the trial does not wait.
    """
    job_id = session.scalars(select(Trial.job_id).where(Trial.id == trial_id)).one_or_none()
    if job_id is None:
        raise NotFound(f"There is no trial with id {trial_id}.")
    job = lock_owned_job(session, job_id, job_token)
    if job.state != "running" and job.wanted != "stop":
        raise StateConflict(f"Job '{job_id}' is {job.state} and starts no new attempts.", job.state)
    trial = move_trial(session, trial_id, "waiting", state="running")
    last = session.scalars(select(func.max(Attempt.number)).where(Attempt.trial_id == trial_id)).one()
    attempt = Attempt(
        trial_id=trial_id,
        number=(last or 0) + 1,
        token=new_token(),
        lease_expires_at_s=now() + ttl_s,
        worker=worker,
        slot=slot,
        started_at_s=now(),
        environment=environment,
        log_path=log_path,
    )
    session.add(attempt)
    session.flush()
    session.refresh(attempt)
    payload = {"trial": trial.number, "attempt": attempt.number, "state": "running", "worker": worker, "slot": slot}
    events.append(session, job_id, "attempt.started", payload)
    return attempt


def set_process(session: Session, attempt_id: int, token: str, process: str) -> None:
    """Record which process runs the attempt, so that a restarted worker can adopt it.

    Raises:
        Fenced: the attempt has ended, or the token is not its own.
    """
    _update_own(session, attempt_id, token, process=process)


def add_environment(session: Session, attempt_id: int, token: str, facts: dict[str, Any]) -> None:
    """Add to what the attempt's result depends on, as its own process knows it.

    Raises:
        Fenced: the attempt has ended, or the token is not its own.
    """
    attempt = lock_owned_attempt(session, attempt_id, token)
    _update_own(session, attempt_id, token, environment=attempt.environment | facts)


def renew(session: Session, attempt_id: int, token: str, ttl_s: float) -> bool:
    """Prolong the lease to `ttl_s` seconds from now; True: please stop.

    Raises:
        Fenced: the attempt has ended, or the token is not its own.
    """
    return _update_own(session, attempt_id, token, lease_expires_at_s=now() + ttl_s)


def expired(session: Session) -> list[Attempt]:
    """The running attempts whose lease is over by the database's clock."""
    return list(session.scalars(select(Attempt).where(Attempt.state == "running", lease_is_over())))


def running(session: Session, worker: str | None = None, job_id: str | None = None) -> list[Attempt]:
    """The running attempts, of one worker or of one job if asked so, by id."""
    query = select(Attempt).where(Attempt.state == "running").order_by(Attempt.id)
    if worker is not None:
        query = query.where(Attempt.worker == worker)
    if job_id is not None:
        query = query.join(Trial, Trial.id == Attempt.trial_id).where(Trial.job_id == job_id)
    return list(session.scalars(query))


def told_by_running(session: Session, job_id: str) -> int:
    """How much the job's running attempts have told of their environments, which they do without an event: it changes
    when they tell more."""
    return sum(len(attempt.environment) for attempt in running(session, job_id=job_id))


def retries(session: Session, job_id: str) -> dict[int, tuple[int, float]]:
    """Of the job's waiting trials that were lost: how often in a row without progress, and when the last time, in
    seconds of the database's clock; by trial id.
    """
    query = (
        select(Attempt.trial_id, func.count(), func.max(Attempt.ended_at_s))
        .join(Trial, Trial.id == Attempt.trial_id)
        .where(Trial.job_id == job_id, Trial.state == "waiting", lost_without_progress())
        .group_by(Attempt.trial_id)
    )
    return {trial_id: (count, last_s or 0.0) for trial_id, count, last_s in session.execute(query)}


def _update_own(session: Session, attempt_id: int, token: str, **values: Any) -> bool:
    stop = session.scalars(
        update(Attempt)
        .where(Attempt.id == attempt_id, Attempt.state == "running", Attempt.token == token)
        .values(**values)
        .returning(Attempt.stop),
    ).one_or_none()
    if stop is None:
        raise Fenced(f"Attempt {attempt_id} is not this process's any more.")
    return stop != ""
