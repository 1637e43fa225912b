"""Put on PYTHONPATH: in every Python process, the wall clock is off by the seconds that the file LEAP_FILE holds.

`time.monotonic` goes on as it does when a host's clock is set.
"""

import os
import time
from pathlib import Path

_time, _time_ns = time.time, time.time_ns


def _leap_s() -> float:
    try:
        return float(Path(os.environ["LEAP_FILE"]).read_text())
    except (KeyError, OSError, ValueError):
        return 0.0


time.time = lambda: _time() + _leap_s()
time.time_ns = lambda: _time_ns() + int(_leap_s() * 1e9)
