"""Ends attempts that are dead, hung or no longer wanted, whoever started them, and writes so into their rows."""

import logging
import platform
import time
from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from store import attempts
from store.errors import Fenced
from store.sessions import Database
from store.tables import Attempt
from worker import processes
from worker.engine import Engine

OVERTIME_S = 3.0  # past its limit an attempt gets this long to end by itself, which leaves its process warm
STRAY_LIMIT_S = 10.0  # how long an attempt may run on after its row has ended
STOP_LIMIT_S = 20.0  # how long an attempt may take to save a checkpoint and end when its row asks it to

log = logging.getLogger(__name__)


class Undertaker:
    """Judges running attempts by their rows, their processes and the database's clock.

    Args:
        database: where the rows are.
        engine: of this worker's own attempts.
        worker: this worker's name.
        lease_ttl_s: of attempts.
        attempt_limit_s: longest run of one attempt; None for no limit.
    """

    def __init__(
        self, database: Database, engine: Engine, *, worker: str, lease_ttl_s: float, attempt_limit_s: float | None
    ) -> None:
        self._database, self._engine, self._worker = database, engine, worker
        self._ttl_s, self._limit_s = lease_ttl_s, attempt_limit_s
        self._host = platform.node()
        self._strays: dict[int, float] = {}  # attempt id -> since when its row is not running
        self._asked: dict[int, float] = {}  # attempt id -> since when its row asks it to stop
        self._silent: dict[int, float] = {}  # attempt id -> since when its lease is over although it lives
        self._ran: dict[int, float] = {}  # attempt id -> since when it is watched, by this host's steady clock
        self.be_lenient()

    def be_lenient(self) -> None:
        """For one TTL no clock is held against anybody: attempts that could not reach the database are healthy."""
        self._judges_from = time.monotonic() + self._ttl_s

    def is_here(self, attempt: Attempt) -> bool:
        """Whether the attempt runs on this machine, and in a container of which this process sees the processes."""
        return attempt.slot.partition("/")[0] == self._host and processes.is_visible(attempt.process)

    def bury(self, attempt: Attempt, alive: frozenset[int], expired: set[int], now_s: float) -> bool:
        """End an attempt that is dead or ran for too long; whether it was one.

        Args:
            attempt: whose row is running.
            alive: ids of the engine's attempts. expired: ids of attempts whose lease is over.
            now_s: by the database's clock.
        """
        judges = time.monotonic() >= self._judges_from
        limit_s = self._limit_s
        if judges and limit_s is not None and self._age_s(attempt, now_s) > limit_s + OVERTIME_S:
            message = f"The attempt ran for more than {limit_s:g} s and did not end by itself."
            self.end_process(attempt)
            self._write(attempt, message, lambda s: attempts.fail(s, attempt.id, attempt.token, "timeout", message))
            return True
        if self._ignores_a_stop(attempt) and self.end_process(attempt):
            why = f"It was asked to stop and did not within {STOP_LIMIT_S:g} s."
            self._write(attempt, why, lambda s: attempts.stopped(s, attempt.id, attempt.token))
            return True
        if attempt.worker == self._worker:
            if attempt.id in alive:
                return judges and self._is_frozen(attempt, expired) and self._end_frozen(attempt)
            death = self._engine.death(attempt.id)
            if death is not None and death.failure_class != "infrastructure":
                self._write(
                    attempt,
                    death.message,
                    lambda s: attempts.fail(s, attempt.id, attempt.token, death.failure_class, death.message),
                )
                return True
            why = "Its process died." if death is None else death.message
        elif self.is_here(attempt) and attempt.process and processes.find(attempt.process) is None:
            why = "Its process was gone when another worker took over."
        elif attempt.id in expired and judges:
            why = "The attempt's lease ran out."
            self.end_process(attempt)
        else:
            return False
        self._write(attempt, why, lambda s: attempts.lose(s, attempt.id, why, token=attempt.token))
        return True

    def _age_s(self, attempt: Attempt, now_s: float) -> float:
        """How long an attempt has run; one of ours by this host's steady clock, which nobody sets."""
        if attempt.worker != self._worker:
            return now_s - attempt.started_at_s
        return time.monotonic() - self._ran.setdefault(attempt.id, time.monotonic())

    def _is_frozen(self, attempt: Attempt, expired: set[int]) -> bool:
        """Whether a process of ours lives and has not renewed its lease for long: it is stopped, or code in C holds
        every one of its threads. One that is merely slow, or has just been woken with its machine, gets as long again
        to renew it."""
        if attempt.id not in expired:
            self._silent.pop(attempt.id, None)
            return False
        since = self._silent.setdefault(attempt.id, time.monotonic())
        return time.monotonic() - since > self._ttl_s

    def _end_frozen(self, attempt: Attempt) -> bool:
        why = "Its process hangs, or its machine is out of reach: it did not renew its lease for two of its terms."
        self.end_process(attempt)
        self._write(attempt, why, lambda s: attempts.lose(s, attempt.id, why, token=attempt.token))
        return True

    def _ignores_a_stop(self, attempt: Attempt) -> bool:
        if not attempt.stop:
            self._asked.pop(attempt.id, None)
            return False
        since = self._asked.setdefault(attempt.id, time.monotonic())
        return time.monotonic() - since > STOP_LIMIT_S

    def end_process(self, attempt: Attempt) -> bool:
        """As `end_processes`, of one attempt."""
        return bool(self.end_processes([attempt]))

    def end_processes(self, doomed: Sequence[Attempt]) -> frozenset[int]:
        """End the attempts' processes, all at once; the ids of those of which none is left, as far as one can tell.

        An earlier worker's is the engine's to end where it runs on a cluster, and this machine's where it runs here.
        """
        if not doomed:
            return frozenset()
        ended = self._engine.kill([attempt.id for attempt in doomed])
        here = [attempt for attempt in doomed if self.is_here(attempt)]
        found = [processes.find(attempt.process) for attempt in here]
        processes.end_groups(process.pid for process in found if process is not None)
        mine = (attempt.id for attempt in doomed if attempt.worker == self._worker)
        return ended | {attempt.id for attempt in here} | frozenset(mine)

    def end_strays(self, strays: frozenset[int]) -> None:
        """End the engine's attempts whose row has ended without them (fenced, but too busy to notice)."""
        now = time.monotonic()
        self._strays = {i: self._strays.get(i, now) for i in strays}
        overdue = [i for i, since in self._strays.items() if now - since > STRAY_LIMIT_S]
        if overdue:
            self._engine.kill(overdue)

    def _write(self, attempt: Attempt, why: str, ending: Callable[[Session], None]) -> None:
        try:
            with self._database.write() as session:
                ending(session)
            log.warning("Ended attempt %d: %s", attempt.id, why)
        except Fenced:
            log.info("Attempt %d ended by itself", attempt.id)
