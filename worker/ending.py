"""How a job ends, and how a worker does."""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy.orm import Session

from store import attempts, jobs
from store.errors import Fenced
from store.sessions import Database
from store.tables import Attempt
from worker.claim import Claim
from worker.engine import Engine, EngineLost
from worker.outage import OUTAGES
from worker.presence import Presence
from worker.undertaker import Undertaker

HAND_BACK_LIMIT_S = 20.0  # for attempts to save a checkpoint when the worker is stopped
POLL_S = 0.25
STOPPED = "The worker was stopped."

log = logging.getLogger(__name__)


def end_job(
    database: Database,
    undertaker: Undertaker,
    claim: Claim,
    running: Sequence[Attempt],
    state: str,
    reason: str,
    message: str,
) -> bool:
    """End what runs, then the job; whether that is done: an attempt out of reach is told by its row, and ends itself.

    Raises:
        Fenced: the job is another worker's.
    """
    ended = undertaker.end_processes(running)
    for attempt in running:
        if attempt.id not in ended:
            continue
        try:
            with database.write() as session:
                attempts.cancel(session, attempt.id, token=attempt.token)
        except Fenced:
            log.info("Attempt %d ended by itself", attempt.id)
    if len(ended) < len(running):
        return False
    with database.write() as session:
        jobs.finish(session, claim.job_id, claim.token, state, reason, message, asked=claim.asked)
    log.info("Job %s %s: %s", claim.job_id, state, message)
    return True


def shut_down(database: Database, engine: Engine, worker: str, claim: Claim | None) -> None:
    """Hand attempts back with a checkpoint, then the job, so that another worker goes on at once."""
    try:
        engine.hand_back()
        give_up = time.monotonic() + HAND_BACK_LIMIT_S
        while engine.alive() and time.monotonic() < give_up:
            time.sleep(POLL_S)
        engine.kill(engine.alive())
    except EngineLost as lost:
        log.warning("%s", lost)
    try:
        with database.read() as session:
            left = attempts.running(session, worker=worker)
        for attempt in left:
            give = partial(attempts.hand_back, attempt_id=attempt.id, message=STOPPED, token=attempt.token)
            _write(database, give)
        if claim is not None:
            _write(database, lambda s: jobs.release(s, claim.job_id, claim.token))
    except OUTAGES:
        log.warning("The database is away; the leases will run out by themselves")
    engine.close()


def let_go(database: Database, claim: Claim | None) -> None:
    """Leave the job to the next worker, where the database is there to be told."""
    if claim is None:
        return
    try:
        _write(database, lambda s: jobs.release(s, claim.job_id, claim.token))
    except OUTAGES:
        log.warning("The database is away; the job's lease will run out by itself")


def say_goodbye(presence: Presence, worker: str) -> None:
    """Tell that the worker has ended in good order, where the database is there to be told."""
    try:
        presence.leave(worker)
    except OUTAGES:
        log.warning("The database is away; the worker will count as lost")


def _write(database: Database, work: Callable[[Session], object]) -> None:
    """In a transaction of its own: one that another worker was faster with takes nothing else along."""
    try:
        with database.write() as session:
            work(session)
    except Fenced as fenced:
        log.info("%s", fenced)
