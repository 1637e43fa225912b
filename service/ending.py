"""Plans that are under way when the server is told to stop: they have most of its grace, then they are answered 503.

Without this their requests would be cut off when the grace is over, with no word of what became of them.
"""

import threading
import time
from collections.abc import Callable

LOOK_S = 0.1  # between two looks at whether the server was told to stop


class Ending:
    """A thread that calls `end` once, `grace_s` seconds after `stopping` has become true.

    Args:
        stopping: whether the server was told to stop.
        end: may be called from another thread than this one's maker.
    """

    def __init__(self, stopping: Callable[[], bool], grace_s: float, end: Callable[[], None]) -> None:
        self._stopping, self._grace_s, self._end = stopping, grace_s, end
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ending", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Nothing is left to be ended."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        told_at: float | None = None
        while not self._over.wait(LOOK_S):
            if told_at is None and self._stopping():
                told_at = time.monotonic()
            if told_at is not None and time.monotonic() - told_at >= self._grace_s:
                self._end()
                return
