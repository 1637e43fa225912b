"""Runners for engines' tests: `tests.worker.fakes.run` with something wrong besides."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from sparseift.records import TrialResult, TrialSpec
from tests.worker import fakes

HOARD: list[bytearray] = []
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"


def leak(trial: TrialSpec, **options: Any) -> TrialResult:
    """Keeps 64 MiB of memory for ever."""
    HOARD.append(bytearray(b"x") * (64 * 2**20))
    return fakes.run(trial, **options)


def dynamo(trial: TrialSpec, **options: Any) -> TrialResult:
    """Has a compiler, as training has, and writes how often it was reset before the trial."""
    module = sys.modules.setdefault("torch._dynamo", Compiler("torch._dynamo"))
    with Path(trial.training["resets"]).open("a") as resets:
        resets.write(f"{module.resets}\n")
    return fakes.run(trial, **options)


class Compiler(ModuleType):
    """What a child uses of torch._dynamo."""

    resets = 0

    def reset(self) -> None:
        self.resets += 1


def counted(trial: TrialSpec, **options: Any) -> TrialResult:
    """Writes how many run, by the files in the folder `census`, and what it sees of its slot."""
    census = Path(trial.training["census"])
    mine = census / str(os.getpid())
    mine.touch()
    here = len(list(census.iterdir()))
    with (census.parent / "counts").open("a") as counts:
        counts.write(f"{here} {os.environ.get('CUDA_VISIBLE_DEVICES')} {os.environ.get('OMP_NUM_THREADS')}\n")
    try:
        return fakes.run(trial, **options)
    finally:
        mine.unlink()


def escape(trial: TrialSpec, **options: Any) -> TrialResult:
    """Starts a stubborn process in a session of its own, whose number is written to the file `escaped`."""
    child = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout is not None
    child.stdout.readline()
    Path(trial.training["escaped"]).write_text(str(child.pid))
    return fakes.run(trial, **options)
