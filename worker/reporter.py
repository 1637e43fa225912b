"""An attempt's line to its row, in a thread of its own: a slow or absent database never slows training down.

One transaction each 1.5 s writes what has been reported since, renews the lease, and learns whether to stop.
"""

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from sparseift.errors import SparseIFTError
from sparseift.records import Progress
from store import attempts
from store.errors import StoreError
from store.sessions import Database
from worker.outage import ORPHAN_AFTER_S, OUTAGES, delay_s

INTERVAL_S = 1.5  # a wish to stop is known within 2 s; a lease is renewed at least each third of its TTL

log = logging.getLogger(__name__)


class Orphaned(SparseIFTError):
    """The database was away for longer than an attempt may go on without it."""


class Reporter:
    """Writes reports and checkpoints of one attempt, renews its lease, and knows whether it should go on.

    Args:
        attempt_id, token: of the attempt's row.
        artifacts: the folder that checkpoint paths are stored relative to.
        ttl_s: of the lease; orphan_after_s: how long to go on without a database.
        facts: added to the attempt's environment by the first write.
    """

    def __init__(
        self,
        database: Database,
        attempt_id: int,
        token: str,
        *,
        artifacts: Path,
        ttl_s: float,
        orphan_after_s: float = ORPHAN_AFTER_S,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self._database, self._attempt_id, self._token = database, attempt_id, token
        self._artifacts, self._ttl_s, self._orphan_after_s = artifacts, ttl_s, orphan_after_s
        self._lock = threading.Lock()
        self._facts = dict(facts or {})
        self._reports: list[Progress] = []
        self._checkpoints: list[tuple[int, str]] = []
        self._closing = threading.Event()
        self._verdict: Exception | None = None
        self.stop = False  # somebody asked the row's owner to stop
        self._thread = threading.Thread(target=self._run, name=f"reporter-{attempt_id}", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def report(self, progress: Progress) -> None:
        """Keep a measurement until the next write; raises as `check`."""
        self.check()
        with self._lock:
            self._reports.append(progress)

    def saved(self, step: int, path: Path) -> None:
        """Keep the news of a complete checkpoint until the next write; raises as `check`."""
        self.check()
        with self._lock:
            self._checkpoints.append((step, str(path.resolve().relative_to(self._artifacts.resolve()))))

    def check(self) -> None:
        """Return while the attempt may go on.

        Raises:
            Fenced: the row is no longer ours. Orphaned: the database was away for too long.
        """
        if self._verdict is not None:
            raise self._verdict

    def close(self) -> None:
        """Stop renewing; what is not written yet stays for `flush`."""
        self._closing.set()
        self._thread.join()

    def flush(self, session: Session) -> None:
        """Write what has been kept, inside the caller's transaction (of which it may be the second try)."""
        self._write(session, *self._kept())

    def _kept(self) -> tuple[list[Progress], list[tuple[int, str]]]:
        with self._lock:
            return list(self._reports), list(self._checkpoints)

    def _write(self, session: Session, reports: list[Progress], checkpoints: list[tuple[int, str]]) -> None:
        if reports:
            attempts.write_reports(session, self._attempt_id, self._token, reports)
        for step, path in checkpoints:
            attempts.saved_checkpoint(session, self._attempt_id, self._token, step, path)

    def _run(self) -> None:
        interval_s = min(INTERVAL_S, self._ttl_s / 3)
        heard_at, failures, wait_s = time.monotonic(), 0, 0.0
        while not self._closing.wait(wait_s):
            reports, checkpoints = self._kept()
            try:
                with self._database.write() as session:
                    if self._facts:
                        attempts.add_environment(session, self._attempt_id, self._token, self._facts)
                    self._write(session, reports, checkpoints)
                    stop = attempts.renew(session, self._attempt_id, self._token, self._ttl_s)
            except OUTAGES as error:
                failures += 1
                wait_s = min(delay_s(failures), interval_s)
                log.warning("Attempt %d cannot reach the database: %s", self._attempt_id, error.args[0])
                if time.monotonic() - heard_at > self._orphan_after_s:
                    self._verdict = Orphaned(f"The database was away for {self._orphan_after_s:.0f} s.")
                    return
            except StoreError as fenced:
                self._verdict = fenced
                return
            except Exception as error:  # a fault of ours must end the attempt, not leave it without a lease
                self._verdict = error
                return
            else:
                with self._lock:
                    del self._reports[: len(reports)], self._checkpoints[: len(checkpoints)]
                self._facts = {}
                heard_at, failures, wait_s = time.monotonic(), 0, interval_s
                self.stop = self.stop or stop
