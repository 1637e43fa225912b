"""Token buckets: so many requests at once, so many a second after that. In memory, of this process alone."""

import time
from collections import OrderedDict
from collections.abc import Callable

REMEMBERED = 10_000  # keys; the one that was longest silent is forgotten first, and its bucket is full again


class Buckets:
    """One bucket per key.

    Args:
        per_s: what flows back in a second. burst: what a bucket holds.
        clock_s: monotonic seconds.
    """

    def __init__(self, per_s: float, burst: int, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._clock_s = per_s, float(burst), clock_s
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> (level, at)
        self._refused: set[str] = set()  # keys of `_levels` that were refused since

    def wait_s(self, key: str) -> float:
        """Seconds until one may be taken; 0: now."""
        return max(0.0, (1.0 - self._level(key)) / self._per_s)

    def is_first_refusal(self, key: str) -> bool:
        """Whether nothing was refused since this bucket last gave something; from then on it is not the first."""
        if key in self._refused:
            return False
        self._refused.add(key)
        return True

    def take(self, key: str) -> float:
        """Take one where there is one, and return 0; else seconds until there is."""
        wait_s = self.wait_s(key)
        if wait_s == 0.0:
            self._levels[key] = (self._level(key) - 1.0, self._clock_s())
            self._refused.discard(key)
            self._levels.move_to_end(key)
            while len(self._levels) > REMEMBERED:
                self._refused.discard(self._levels.popitem(last=False)[0])
        return wait_s

    def _level(self, key: str) -> float:
        level, at_s = self._levels.get(key, (self._burst, self._clock_s()))
        return min(self._burst, level + (self._clock_s() - at_s) * self._per_s)
