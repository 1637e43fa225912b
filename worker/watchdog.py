"""Ends an attempt that hangs, from inside its process: what outlives the worker must not need it.

The sign of life is the training thread's own: it reports, saves, or asks whether to stop. The lease is none, as its
thread goes on renewing while training hangs; where not even that thread runs (native code that holds the interpreter),
the lease runs out and others end the process.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import psutil

from sparseift.records import Progress, TrialResult, TrialSpec
from store import attempts
from store.errors import StoreError
from store.sessions import Database
from worker.attempt import Runner
from worker.order import Order
from worker.outage import OUTAGES, write

PATIENCE_S = 5.0  # with a database that is away, before the process ends without a word
CHECKS = 10  # looks per limit

log = logging.getLogger(__name__)


def watched(runner: Runner, order: Order, database: Database, limit_s: float | None) -> Runner:
    """The runner, under watch while it runs: after `limit_s` seconds without a sign of life the attempt is lost with
    the reason, and this process ends with its group and descendants. None: no watch.

    The process must lead a group of its own.
    """
    if limit_s is None:
        return runner
    limit = limit_s

    def run(
        trial: TrialSpec,
        *,
        data_folder: Path,
        checkpoint_folder: Path | None,
        resume_from: Path | None,
        device: str,
        threads: int | None,
        report: Callable[[Progress], None],
        saved: Callable[[int, Path], None],
        should_stop: Callable[[], bool],
    ) -> TrialResult:
        seen_at = time.monotonic()
        over = threading.Event()

        def look() -> None:
            while not over.wait(limit / CHECKS):
                if time.monotonic() - seen_at > limit:
                    _give_up(order, database, limit)

        def sign() -> None:
            nonlocal seen_at
            seen_at = time.monotonic()

        def watched_report(progress: Progress) -> None:
            sign()
            report(progress)

        def watched_saved(step: int, path: Path) -> None:
            sign()
            saved(step, path)

        def watched_should_stop() -> bool:
            sign()
            return should_stop()

        threading.Thread(target=look, name=f"watchdog-{order.attempt_id}", daemon=True).start()
        try:
            return runner(
                trial,
                data_folder=data_folder,
                checkpoint_folder=checkpoint_folder,
                resume_from=resume_from,
                device=device,
                threads=threads,
                report=watched_report,
                saved=watched_saved,
                should_stop=watched_should_stop,
            )
        finally:
            over.set()

    return run


def _give_up(order: Order, database: Database, limit_s: float) -> NoReturn:
    message = f"It hung: no step, report or checkpoint for more than {limit_s:g} s."
    log.error("Attempt %d ends. %s", order.attempt_id, message)
    try:
        write(database, lambda s: attempts.lose(s, order.attempt_id, message, token=order.token), PATIENCE_S)
    except StoreError as error:
        log.warning("Attempt %d was over already: %s", order.attempt_id, error)
    except OUTAGES as error:
        log.warning("Attempt %d could not tell that it hung: %s", order.attempt_id, str(error).splitlines()[0])
    end_this_process()


def end_this_process() -> NoReturn:
    """End this process's descendants, its group, and so itself."""
    for child in psutil.Process().children(recursive=True):
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
