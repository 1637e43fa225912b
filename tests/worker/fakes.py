"""A job that trains in milliseconds: a small plan, and a runner that keeps the real one's promises without torch.

The runner is told what to do by `training` of the job's specification; it reports, checkpoints, resumes and stops.
"""

import hashlib
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sparseift.errors import Diverged
from sparseift.records import (
    Budget,
    Configuration,
    JobSpec,
    Metric,
    Named,
    Plan,
    Point,
    Progress,
    Space,
    TrialResult,
    TrialSpec,
)
from store import jobs
from store.sessions import Database

RUNNER = "tests.worker.fakes:run"
FAMILIES = ("sparse_wide", "sparse_parallel")
REFUSAL = "no ranks meet the budget"


class Stopped(Exception):
    """The runner was told to stop."""


def point(family: str, sparsity: float, feasible: bool = True) -> Point:
    """A point of a plan with round sizes."""
    if not feasible:
        return Point(family, sparsity, False, REFUSAL)
    return Point(family, sparsity, True, "", sparsity, "width 2", 1000, 2000, 1.0, 600, 500)


def make_plan(direction: str = "maximize", families: tuple[str, ...] = FAMILIES) -> Plan:
    """Three feasible points of the first family, two of the others, one refusal each."""
    points = []
    for i, family in enumerate(families):
        feasible = (0.5, 0.75, 0.9) if i == 0 else (0.5, round(2 / 3, 6))
        points += [point(family, s) for s in feasible] + [point(family, 0.95, feasible=False)]
    metric = Metric("validation accuracy", "%", direction)  # type: ignore[arg-type]
    dense = Point("dense", 0.0, True, "", 0.0, "dense", 1000, 1000, 1.0, 500, 500)
    return Plan(metric, 400, 32, dense, tuple(points), 1e6, 10_000)


def make_spec(training: dict[str, Any] | None = None, **changes: Any) -> JobSpec:
    """A job over `make_plan`'s families: six search trials, two confirmations each."""
    values: dict[str, Any] = {
        "name": "fake",
        "model": Named("mlp"),
        "dataset": Named("digits"),
        "families": FAMILIES,
        "space": Space(sparsities=(0.5, 0.75, 0.9, 0.95), methods=("static", "rigl")),
        "budget": Budget(search_trials=6, confirm_seeds=2),
        "training": {"steps": 4, "step_s": 0.02} | (training or {}),
        "seed": 7,
    }
    return JobSpec(**(values | changes))


def submit(database: Database, spec: JobSpec, plan: Plan | None = None) -> str:
    """Queue a job; its id."""
    with database.write() as session:
        return jobs.create(session, spec, plan or make_plan(families=spec.families))[0].id


def measure(configuration: Configuration, seed: int) -> float:
    """The fake validation accuracy (%): a smooth optimum at s = .75, RigL a little better, and seed noise."""
    noise = int.from_bytes(hashlib.sha256(f"{configuration.key}/{seed}".encode()).digest()[:4], "big") / 2**32
    dynamic = 0.5 if configuration.schedule and configuration.schedule.is_dynamic else 0.0
    return 90.0 - 20.0 * (configuration.nominal_sparsity - 0.75) ** 2 + dynamic + 0.3 * noise


def progress_of(trial: TrialSpec, step: int) -> Progress:
    """What the runner reports after a step."""
    steps, value, flops = int(trial.training["steps"]), None, 1e3 * step
    if trial.training.get("evaluates"):
        value, flops = measure(trial.configuration, trial.seed) - 10.0 * (steps - step), 1e6 * step / steps
    return Progress(step, steps, 1.0 / step, value, flops, 0.5, None, None, 0.1)


def run(
    trial: TrialSpec,
    *,
    data_folder: Path,
    checkpoint_folder: Path | None,
    resume_from: Path | None,
    device: str,
    threads: int | None,
    report: Callable[[Progress], None],
    saved: Callable[[int, Path], None],
    should_stop: Callable[[], bool],
) -> TrialResult:
    """Train for `steps` steps of `step_s` seconds.

    `grandchild`: a file that names a process started by the attempt; `deaf`: never asks whether to stop;
    `raise`: an error's name; `nan_above`: a sparsity from which the loss is no longer finite; `evaluates`: measures
    after each step too, ten points lower per step that is left, and counts 1e6 training FLOPs over the run.
    """
    wishes = trial.training
    steps = int(wishes["steps"])
    assert checkpoint_folder is not None
    checkpoint_folder.mkdir(parents=True, exist_ok=True)
    step = json.loads(resume_from.read_text())["step"] if resume_from is not None else 0
    sys.stdout.write(f"training {trial.configuration.family} from step {step}\n")
    if "grandchild" in wishes:
        stubborn = (
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
        )
        child = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        Path(wishes["grandchild"]).write_text(str(child.pid))
    if wishes.get("raise") == "MemoryError":
        raise MemoryError("no memory")
    if wishes.get("raise") == "OSError":
        raise OSError("the disk is gone")
    if "raise" in wishes:
        raise TypeError("a fault of the user's")
    if trial.configuration.nominal_sparsity >= wishes.get("nan_above", math.inf):
        raise Diverged("The loss is nan at step 1.")

    def save() -> None:
        path = checkpoint_folder / f"step-{step:04d}.json"
        path.write_text(json.dumps({"step": step}))
        saved(step, path)

    while step < steps:
        if not wishes.get("deaf") and should_stop():
            save()
            raise Stopped
        time.sleep(wishes["step_s"])
        step += 1
        report(progress_of(trial, step))
        if step % 2 == 0:
            save()
    value = measure(trial.configuration, trial.seed)
    test = value - 1.0 if trial.evaluate_test else None
    return TrialResult(value, test, 1000, 2000, 1.0, 1e6, trial.configuration.nominal_sparsity, 600, 500, 0.1)
