"""`python -m tests.faults`: every fault on real processes; recovery times are printed."""

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main(["-n", "0", "-s", "-q", "-m", "faults", str(Path(__file__).parent), *sys.argv[1:]]))
