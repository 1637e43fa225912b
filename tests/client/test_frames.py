"""Answers as DataFrames."""

import subprocess
import sys

from sparseift.client import frames

DENSE = {"family": "dense", "mean": 90.0, "gain": None}
WIDE = {"family": "sparse_wide", "mean": 91.0, "gain": {"mean": 1.0}}


def test_a_curve_has_dense_first_and_flat_columns() -> None:
    found = frames.curve({"dense": DENSE, "points": [WIDE]})
    assert list(found["family"]) == ["dense", "sparse_wide"]
    assert found["gain.mean"][1] == 1.0
    assert len(frames.curve({"dense": None, "points": []})) == 0


def test_without_pandas_there_is_a_sentence() -> None:
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "from sparseift.client import frames\n"
        "try: frames.table([])\n"
        "except ImportError as error: print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "A DataFrame needs pandas; install it with `pip install pandas`.\n"
