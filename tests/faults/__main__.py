"""`python -m tests.faults`: every fault on real processes; recovery times are printed. Minutes.

python -m tests.faults                       # all of them
python -m tests.faults -k "head or node"     # what pytest selects
"""

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
RAY = FOLDER / "ray_faults.py"  # not named as tests are, so that it runs here alone


def main() -> int:
    """Say when and where, run, and give pytest's exit code."""
    asked = " ".join(["python -m tests.faults", *sys.argv[1:]])
    load = os.getloadavg()[0]
    sys.stdout.write(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {os.cpu_count()} cores (load {load:.1f}), "
        f"Python {platform.python_version()}\n$ {asked}\n"
    )
    sys.stdout.flush()
    return pytest.main(["-n", "0", "-s", "-q", "-m", "faults", str(FOLDER / "test_faults.py"), str(RAY), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
