"""What a warm process saves a trial: imports, data and compiled graphs of the trial before it.

    PYTHONPATH=. python benchmarks/warmth.py

Each line is a process of its own with an empty cache of kernels on disk: seconds to import, then three trainings of
one epoch on digits, the same network with another seed, and last another width. Then five widths one after the other,
with and without `worker.child.forget_graphs` between them: how many graphs torch still compiles for the fifth.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

WIDTHS = (16, 20, 24, 28, 32)


def train(width: int, seed: int, compiled: bool) -> float:
    """Seconds of one training."""
    from sparseift.records import Configuration, Named, TrialSpec
    from sparseift.training.run import run

    training = {"epochs": 1, "batch_size": 32, "compile": compiled}
    trial = TrialSpec(
        Named("mlp", {"width": width}),
        Named("digits"),
        training,
        Configuration("dense"),
        "model",
        "default",
        seed,
        False,
    )
    since = time.perf_counter()
    run(trial, data_folder=Path(), checkpoint_folder=None, report=lambda _: None, threads=1)
    return time.perf_counter() - since


def one_process(compiled: bool) -> list[float]:
    """Seconds: imports; a cold training; two with the same network; one of another width."""
    since = time.perf_counter()
    import sparseift.training.run  # noqa: F401  # what is measured

    imports_s = time.perf_counter() - since
    return [imports_s, *(train(width, seed, compiled) for seed, width in enumerate((16, 16, 16, 24)))]


def graphs_of_the_fifth(forgets: bool) -> int:
    """Graphs that torch compiles for the fifth width in a process."""
    from torch._dynamo.utils import counters

    from worker.child import forget_graphs

    before = 0
    for width in WIDTHS:
        before = counters["stats"]["unique_graphs"]
        train(width, 0, compiled=True)
        if forgets:
            forget_graphs()
    return int(counters["stats"]["unique_graphs"] - before)


CASES: dict[str, Any] = {
    "eager": lambda: one_process(False),
    "compiled": lambda: one_process(True),
    "kept": lambda: graphs_of_the_fifth(False),
    "forgotten": lambda: graphs_of_the_fifth(True),
}


def in_a_process(case: str) -> Any:
    """A case's answer, from a process with a cache of its own."""
    with TemporaryDirectory() as cache:
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache}
        command = [sys.executable, __file__, "--case", case]
        answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def main() -> None:
    """Print a table."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--case", choices=CASES)
    case = line.parse_args().case
    if case is not None:
        print(json.dumps(CASES[case]()))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; seconds")
    print("            imports   first  second   third  other width")
    for name in ("eager", "compiled"):
        imports, *trainings, other = in_a_process(name)
        print(f"{name:<10} {imports:8.2f}" + "".join(f"{s:8.2f}" for s in trainings) + f"{other:13.2f}")
    for name in ("kept", "forgotten"):
        print(f"graphs compiled for the fifth width in a process, the others' {name}: {in_a_process(name)}")


if __name__ == "__main__":
    main()
