"""A worker tells that it lives, for people who look: leases alone decide what others may take over."""

import os
import platform
import time
from collections.abc import Callable, Sequence

from store import workers
from store.sessions import Database
from worker.environment import describe
from worker.processes import identity

BEATS_PER_TTL = 3.0


class Presence:
    """Writes the worker's row now and then.

    Args:
        engine: its name, "local" or "ray".
        slots: names as attempts bear them; none where a cluster makes them as it places.
        lease_ttl_s: after a silence of this the worker counts as lost.
        clock_s: seconds that never go back.
    """

    def __init__(
        self,
        database: Database,
        *,
        engine: str,
        slots: Sequence[str],
        lease_ttl_s: float,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._engine, self.slots, self._ttl_s = database, engine, tuple(slots), lease_ttl_s
        self._clock_s = clock_s
        self._told_at: float | None = None
        self._process = identity(os.getpid())
        known = describe("", 0)
        self._versions = {name: known[name] for name in known if name not in ("host", "device", "threads")}

    def tell(self, name: str) -> None:
        """Once in a third of the lease time; the first time, those who fell silent long ago are forgotten.

        Raises:
            Whatever the database raises while it is away; the next call tries again.
        """
        if self._told_at is not None and self._clock_s() - self._told_at < self._ttl_s / BEATS_PER_TTL:
            return
        with self._database.write() as session:
            workers.tell(
                session,
                name,
                host=platform.node(),
                process=self._process,
                engine=self._engine,
                slot_names=self.slots,
                versions=self._versions,
                lease_ttl_s=self._ttl_s,
            )
            if self._told_at is None:
                workers.forget_old(session)
        self._told_at = self._clock_s()

    def leave(self, name: str) -> None:
        """Say goodbye."""
        with self._database.write() as session:
            workers.leave(session, name)
