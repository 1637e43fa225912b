"""What one trial costs beside its training: a job of no-op trials with ten reports each, beside Optuna on SQLite.

    OMP_NUM_THREADS=1 PYTHONPATH=. python benchmarks/scheduling.py --trials 200

Ours is the worker's own scheduler on SQLite with an engine that runs each attempt in this process: proposing, all rows,
leases, batched reports, outcomes, events. Optuna's is `study.optimize` on SQLite over the same space with its default
sampler and with random search. CPU time of the whole process, threads included; both in one run, one after the other,
after a small job of each.
"""

import argparse
import logging
import resource
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path
from threading import Event
from typing import Any

import optuna

from sparseift.records import Budget, JobSpec, Metric, Named, Plan, Point, Progress, Space, TrialResult, TrialSpec
from store import jobs, migrate
from store.sessions import Database
from worker.attempt import execute
from worker.engine import Death, Slot
from worker.order import Order, Setting
from worker.scheduler import Scheduler
from worker.space import Axis, walk

REPORTS = 10
FAMILIES = ("sparse_wide", "sparse_parallel", "sparse_factorized", "sparse_doped")
SPACE = Space()


def make_plan() -> Plan:
    """Every point feasible."""
    points = tuple(Point(f, s, True, sparsity=s, flop_ratio=1.0) for f in FAMILIES for s in SPACE.sparsities)
    metric = Metric("validation accuracy", "%", "maximize")
    return Plan(metric, 4000, 128, Point("dense", 0.0, True, flop_ratio=1.0), points, 1.0, 1)


def value_of(sparsity: float) -> float:
    """What a no-op trial measures."""
    return 90.0 - 20.0 * (sparsity - 0.75) ** 2


def no_op(
    trial: TrialSpec, *, report: Callable[[Progress], None], should_stop: Callable[[], bool], **_: Any
) -> TrialResult:
    """Report ten times and end."""
    value = value_of(trial.configuration.nominal_sparsity)
    for step in range(1, REPORTS + 1):
        should_stop()
        report(Progress(step, REPORTS, 1.0 / step, value, 1e3 * step, 0.5, None, None, 0.1))
    return TrialResult(value, None, 1000, 2000, 1.0, 1e6, 0.5, 600, 500, 0.1)


class HereEngine:
    """An engine with one slot that runs every attempt to its end when it is placed."""

    def __init__(self, database: Database, setting: Setting) -> None:
        self._database, self._setting = database, setting

    def can(self, occupied: Collection[str], key: str = "") -> Slot | None:
        """The slot is always free."""
        del key
        return None if occupied else Slot("here/cpu:0", "", 1)

    def place(self, slot: Slot, order: Order) -> None:
        """Run it."""
        del slot
        execute(order, self._setting, self._database, no_op, Event())

    def alive(self) -> frozenset[int]:
        """None: each has ended."""
        return frozenset()

    def death(self, attempt_id: int) -> Death | None:
        """None of them died."""
        del attempt_id
        return None

    def kill(self, attempt_ids: Collection[int]) -> frozenset[int]:
        """Nothing runs."""
        del attempt_ids
        return frozenset()

    def hand_back(self) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """Nothing is held."""


def cpu_s() -> float:
    """Seconds of this process and its children."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measured(label: str, work: Callable[[], int]) -> None:
    """Print what a trial of `work` costs; it returns how many there were."""
    cpu, wall = cpu_s(), time.perf_counter()
    count = work()
    cpu, wall = cpu_s() - cpu, time.perf_counter() - wall
    print(f"{label:<42} {count:>6} {1e3 * cpu / count:>13.1f} {1e3 * wall / count:>14.1f}")


def ours(folder: Path, trials: int, families: tuple[str, ...]) -> int:
    """A job of so many search trials in `folder`; how many trials it had in all."""
    url = f"sqlite:///{folder / 'ours.db'}"
    database = Database(url)
    setting = Setting(url, str(folder), str(folder), "cpu", 1, lease_ttl_s=60.0)
    with database.write() as session:
        spec = JobSpec("no-op", Named("mlp"), Named("digits"), families, SPACE, Budget(trials, 3))
        job_id = jobs.create(session, spec, make_plan())[0].id
    scheduler = Scheduler(
        database, HereEngine(database, setting), lease_ttl_s=60.0, stop=Event(), artifacts=folder, until_idle=True
    )
    scheduler.serve()
    with database.read() as session:
        job = jobs.get(session, job_id)
        assert job.state == "succeeded", job.message
    database.close()
    return trials + 3 + 3 * len(families)


def optunas(folder: Path, trials: int, sampler: optuna.samplers.BaseSampler) -> int:
    """The same number of trials by Optuna alone."""

    def objective(trial: optuna.Trial) -> float:
        def pick(axis: Axis) -> int:
            if axis.ordered:
                return trial.suggest_int(axis.name, 0, len(axis.values) - 1)
            return axis.values.index(trial.suggest_categorical(axis.name, axis.values))

        configuration = walk(SPACE, plan, trial.suggest_categorical("family", FAMILIES), pick)
        value = value_of(configuration.nominal_sparsity)
        for step in range(1, REPORTS + 1):
            trial.report(value, step)
            trial.should_prune()
        return value

    plan = make_plan()
    pruner = optuna.pruners.NopPruner()
    name = type(sampler).__name__
    study = optuna.create_study(
        storage=f"sqlite:///{folder / name}.db", sampler=sampler, pruner=pruner, direction="maximize"
    )
    study.optimize(objective, n_trials=trials)
    return trials


def main() -> None:
    """Print one row for each."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--trials", type=int, default=200)
    trials = line.parse_args().trials
    logging.disable(logging.WARNING)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(f"no-op trials with {REPORTS} reports, SQLite")
    print(f"{'':<42} {'trials':>6} {'CPU-ms/trial':>13} {'wall ms/trial':>14}")
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        for name in ("warm", "measured"):
            (folder / name).mkdir()
            migrate.upgrade(f"sqlite:///{folder / name / 'ours.db'}")
        ours(folder / "warm", 8, FAMILIES)  # imports, compiled statements
        optunas(folder / "warm", 8, optuna.samplers.TPESampler(seed=0))
        measured("this worker", lambda: ours(folder / "measured", trials, FAMILIES))
        measured(
            "Optuna study.optimize, TPE (default)",
            lambda: optunas(folder, trials, optuna.samplers.TPESampler(seed=0)),
        )
        measured(
            "Optuna study.optimize, random",
            lambda: optunas(folder, trials, optuna.samplers.RandomSampler(seed=0)),
        )


if __name__ == "__main__":
    main()
