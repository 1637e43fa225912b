"""One attempt from order to outcome. Its process owns its row and goes on whatever ends the worker or the service."""

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Protocol

from sqlalchemy.orm import Session

from sparseift.errors import CheckpointError
from sparseift.records import Progress, TrialResult, TrialSpec
from store import attempts
from store.errors import Fenced, StoreError
from store.sessions import Database
from worker import diary, hardware
from worker.failures import TimeLimit, classify, describe
from worker.order import Order, Setting
from worker.outage import ORPHAN_AFTER_S, OUTAGES, write
from worker.pruning import Pruned
from worker.reporter import Orphaned, Reporter

log = logging.getLogger(__name__)

REUSABLE = ("infeasible", "diverged")  # after any other failure the process may be damaged, and is replaced


class Runner(Protocol):
    """`sparseift.training.run.run`, or what an operator puts in its place."""

    def __call__(
        self,
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
        """Train; whatever is raised after `should_stop` was true counts as stopping."""
        ...


def execute(order: Order, setting: Setting, database: Database, runner: Runner, hand_back: Event) -> bool:
    """Run an attempt and write its outcome; whether this process may run another.

    Args:
        order: what to run.
        setting: of this child.
        database: where the attempt's row is.
        runner: trains.
        hand_back: set by the worker when it stops: checkpoint, and let the next worker go on.
    """
    artifacts = Path(setting.artifacts)
    reporter = Reporter(
        database,
        order.attempt_id,
        order.token,
        artifacts=artifacts,
        ttl_s=setting.lease_ttl_s,
        facts=hardware.describe(setting.device),
    )
    reporter.start()
    try:
        outcome, reusable = _train(order, setting, runner, reporter, hand_back)
    except (Fenced, Orphaned) as error:
        log.warning("Attempt %d stops without a word: %s", order.attempt_id, error)
        return True
    finally:
        reporter.close()

    try:
        write(database, reporter.flush, ORPHAN_AFTER_S)  # by itself: an outcome locks the job before the attempt
        write(database, outcome, ORPHAN_AFTER_S)
    except StoreError as error:
        log.warning("Attempt %d ended too late: %s", order.attempt_id, error)
    except OUTAGES as error:
        log.warning("Attempt %d could not tell how it ended: %s", order.attempt_id, describe(error))
    return reusable


def _train(
    order: Order, setting: Setting, runner: Runner, reporter: Reporter, hand_back: Event
) -> tuple[Callable[[Session], None], bool]:
    """What to write about the attempt, and whether the process is sound."""
    started_at = time.monotonic()
    began = told_to_stop = False

    def should_stop() -> bool:
        nonlocal began, told_to_stop
        began = True
        reporter.check()
        limit_s = setting.time_limit_s
        if limit_s is not None and time.monotonic() - started_at > limit_s:
            raise TimeLimit(f"The attempt ran for more than {limit_s:g} s.")
        told_to_stop = reporter.stop or hand_back.is_set()
        return told_to_stop

    def report(progress: Progress) -> None:
        log.info(diary.line(progress))
        reporter.report(progress)
        verdict = order.bar.verdict(progress) if order.bar is not None else None
        if verdict is not None:
            raise Pruned(verdict)

    def run(resume_from: Path | None) -> TrialResult:
        return runner(
            order.trial,
            data_folder=Path(setting.data),
            checkpoint_folder=Path(setting.artifacts) / order.folder,
            resume_from=resume_from,
            device=setting.device,
            threads=setting.threads,
            report=report,
            saved=reporter.saved,
            should_stop=should_stop,
        )

    attempt_id, token = order.attempt_id, order.token
    log.info(diary.beginning(order, setting))
    try:
        try:
            result = run(_checkpoint(order, setting))
        except CheckpointError as error:
            if order.resume_from is None or began:
                raise
            log.warning("Starting afresh, because the checkpoint is of no use: %s", error)
            result = run(None)
    except (Fenced, Orphaned):
        raise
    except Pruned as pruned:
        verdict = str(pruned)
        log.info(verdict)
        return lambda session: attempts.prune(session, attempt_id, token, verdict), True
    except Exception as error:
        reporter.check()  # a fenced attempt's errors are nobody's
        if told_to_stop and reporter.stop:
            return lambda session: attempts.stopped(session, attempt_id, token), True
        if told_to_stop:
            message = "The worker was stopped."
            return lambda session: attempts.hand_back(session, attempt_id, message, token=token), True
        failure_class, message = classify(error), describe(error)
        log.exception("Attempt %d failed (%s)", attempt_id, failure_class)
        if failure_class == "infrastructure":
            return lambda session: attempts.lose(session, attempt_id, message, token=token), False
        reusable = failure_class in REUSABLE
        return lambda session: attempts.fail(session, attempt_id, token, failure_class, message), reusable
    log.info(diary.ending(result))
    if not math.isfinite(result.value):
        message = f"The metric on the validation split is {result.value}."
        return lambda session: attempts.fail(session, attempt_id, token, "diverged", message), True
    return lambda session: attempts.finish(session, attempt_id, token, result), True


def _checkpoint(order: Order, setting: Setting) -> Path | None:
    if order.resume_from is None:
        return None
    path = Path(setting.artifacts) / order.resume_from
    if path.exists():
        return path
    log.warning("Starting afresh, because the checkpoint %s is gone", path)
    return None
