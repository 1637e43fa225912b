"""How long it took after a fault until work went on, printed for whoever runs the script."""

import sys
import time


def recovery(fault: str, since: float) -> float:
    """Seconds since the fault (by `time.monotonic`), printed."""
    took_s = time.monotonic() - since
    sys.stdout.write(f"\n{fault}: {took_s:.1f} s\n")
    sys.stdout.flush()
    return took_s
