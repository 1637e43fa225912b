"""A trial process: what it loads, and whom a stop is meant for."""

import subprocess
import sys

from worker.child import Stdin
from worker.local import ROOT


def test_it_imports_nothing_of_the_search_nor_torch_before_its_runner() -> None:
    code = "import sys, worker.child; print({'optuna', 'scipy', 'torch'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout == "set()\n"


def test_a_stop_is_meant_for_one_attempt_even_if_it_comes_first() -> None:
    stdin = Stdin()
    stdin.sort('{"stop": 2}')
    stdin.began(1)
    assert not stdin.hand_back.is_set()
    stdin.sort('{"stop": 1}')
    assert stdin.hand_back.is_set()
    stdin.began(2)
    assert stdin.hand_back.is_set()  # it had been told before
    stdin.began(3)
    assert not stdin.hand_back.is_set()
