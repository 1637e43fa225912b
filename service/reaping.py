"""The thread that looks for expired leases: a killed worker is noticed although no other worker is alive."""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from service.settings import Settings
from store import reaper
from store.sessions import Database

log = logging.getLogger("service.reaper")


class Grace:
    """When leases may be judged: only after the living had one TTL to renew them undisturbed.

    Args:
        ttl_s: what workers lease for.
        pause_s: the usual time between two questions; a much longer gap means that this machine slept.
        wall_s: a wall clock in seconds (`time.time`: it goes on while the machine sleeps, monotonic does not).
    """

    def __init__(self, ttl_s: float, pause_s: float, wall_s: Callable[[], float] = time.time) -> None:
        self._ttl_s, self._longest_s, self._wall_s = ttl_s, pause_s + ttl_s / 2.0, wall_s
        self._asked_s = self._until_s = 0.0
        self.begin()

    def begin(self) -> None:
        """Judge nothing for one TTL from now."""
        self._asked_s = self._wall_s()
        self._until_s = self._asked_s + self._ttl_s

    def is_over(self) -> bool:
        """Whether leases may be judged now; notices a clock that leapt, either way."""
        now_s = self._wall_s()
        if not 0.0 <= now_s - self._asked_s <= self._longest_s:
            self.begin()
        self._asked_s = now_s
        return now_s >= self._until_s


class Reaping:
    """Runs `store.reaper.reap` every few seconds until it is stopped.

    Args:
        reaped: told how many leases each look took back.
    """

    def __init__(
        self, settings: Settings, database: Database, reaped: Callable[[int], object] = lambda _count: None
    ) -> None:
        self._pause_s, self._database, self._reaped = settings.reap_every_s, database, reaped
        self._grace = Grace(settings.lease_ttl_s, settings.reap_every_s)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the look that is under way."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._pause_s):
            if self._grace.is_over():
                self._look()

    def _look(self) -> None:
        try:
            with self._database.write() as session:
                found = reaper.reap(session)
        except SQLAlchemyError as error:
            # Workers could not renew either: what lapsed meanwhile may be alive.
            log.warning("database error; no lease is judged for one TTL: %s", error)
            self._grace.begin()
        except Exception:
            log.exception("the reaper failed; it goes on")
            self._grace.begin()
        else:
            if found:
                self._reaped(found)
                log.info("reaped", extra={"leases": found})
