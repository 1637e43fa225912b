"""How attempts' processes died, as far as the machine tells."""

import math
import signal
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from worker.engine import Death

KEPT = 1000  # deaths that nobody asked about
RECENTLY_S = 3.0
VMSTAT = Path("/proc/vmstat")  # Linux; counts the kills in every container too


def oom_kills() -> int:
    """Processes that this machine's kernel has ended for want of memory since it started; 0 where it does not tell."""
    try:
        lines = VMSTAT.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def of_status(status: int, out_of_memory: bool) -> Death:
    """From an exit status, negative for a signal's number; `out_of_memory`: the kernel has just ended a process."""
    if status == -signal.SIGKILL and out_of_memory:
        return Death("out_of_memory", "The system ended its process for want of memory.")
    if status < 0:
        return Death("infrastructure", f"Its process was ended by {signal.Signals(-status).name}.")
    return Death("infrastructure", f"Its process ended with status {status}.")


class OutOfMemory:
    """Whether the kernel has just ended processes for want of memory.

    Args:
        kills: how many it has ended so far.
    """

    def __init__(self, kills: Callable[[], int]) -> None:
        self._kills = kills
        self._count = kills()
        self._rose_at = -math.inf

    def recently(self) -> bool:
        """Whether it has within the last seconds: a death may be seen later than it is counted."""
        count = self._kills()
        if count > self._count:
            self._rose_at = time.monotonic()
        self._count = count
        return time.monotonic() - self._rose_at < RECENTLY_S


class Deaths:
    """The latest deaths by attempt."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Death] = OrderedDict()

    def add(self, attempt_id: int, death: Death) -> None:
        """Remember one."""
        self._known[attempt_id] = death
        while len(self._known) > KEPT:
            self._known.popitem(last=False)

    def of(self, attempt_id: int) -> Death | None:
        """The death of an attempt, if it is known."""
        return self._known.get(attempt_id)
