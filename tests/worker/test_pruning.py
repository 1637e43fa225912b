"""Early stopping: the bar by hand, what it may not depend on, and whole jobs under a real scheduler."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Budget, Configuration, JobSpec, Progress, TrialSpec
from store import attempts, curves, jobs, spending, trials
from store.sessions import Database
from store.tables import Trial
from tests.worker.conftest import Workers, wait_until
from tests.worker.fakes import make_plan, make_spec, submit
from tests.worker.test_search_repeats import HereEngine
from worker.order import Order, Setting
from worker.pruning import Bar, Course, bar_for
from worker.scheduler import Scheduler
from worker.search import Row

STATIC = MaskSchedule("static")
EARLY = Budget(12, 1, early_stopping="median")
SPEC = make_spec(budget=EARLY, families=("sparse_wide",), in_flight=1)
PLAN = replace(make_plan(families=("sparse_wide",)), points=make_plan().points[:3], dense_training_flops=100.0)


def row(number: int, state: str = "complete", family: str = "sparse_wide") -> Row:
    return Row(number, "search", Configuration(family, 0.5, STATIC), number, state, "", None)


def straight(start: float, end: float, until: float = 100.0) -> Course:
    """Evaluated at 25, 50, 75 and 100 training FLOPs, on a straight line from `start` at 0 to `end` at 100."""
    return [(f, start + (end - start) * f / 100.0) for f in (25.0, 50.0, 75.0, 100.0) if f <= until]


def at(flops: float, value: float | None, step: int = 1) -> Progress:
    return Progress(step, 4, 1.0, value, flops, None, None, None, 1.0)


def test_the_median_at_equal_flops_by_hand() -> None:
    courses = {0: straight(0, 90), 1: straight(0, 80), 2: straight(0, 70)}
    bar = bar_for(SPEC, PLAN, [row(i) for i in range(4)], courses, 3)
    assert bar == Bar("sparse_wide", "maximize", 3, (49.75, 50.0, 75.0, 100.0), (39.8, 40.0, 60.0, 80.0))
    assert bar.verdict(at(50.0, 40.0)) is None
    assert bar.verdict(at(62.5, 50.1)) is None  # between evaluations of the others: the straight line
    assert bar.verdict(at(62.5, 49.9)) == (
        "Stopped early at 62.5 training FLOPs: its 49.9 is worse than 50, the median there of 3 earlier trials of "
        "sparse_wide."
    )
    assert bar.verdict(at(49.9, 0.0)) is not None  # half of a run, of nearly equal FLOPs
    for allowed in (at(49.0, 0.0), at(101.0, 0.0), at(75.0, None), at(75.0, 0.0, step=4)):
        assert bar.verdict(allowed) is None
    assert Bar.from_json(bar.to_json()) == bar
    lower = replace(bar, direction="minimize")
    assert lower.verdict(at(50.0, 39.9)) is None
    assert lower.verdict(at(50.0, 40.1)) is not None


def test_where_a_trial_was_stopped_it_counts_as_worse_than_any() -> None:
    courses = {0: straight(0, 90), 1: straight(0, 80), 2: straight(0, 70, until=50.0)}
    rows = [row(0), row(1), row(2, "pruned"), row(3)]
    bar = bar_for(SPEC, PLAN, rows, courses, 3)
    assert bar is not None
    assert bar.values[1:] == (40.0, 60.0, 80.0)  # of (45, 40, 35), (67.5, 60, −∞) and (90, 80, −∞)
    courses[1] = straight(0, 80, until=50.0)
    bar = bar_for(SPEC, PLAN, [row(0), row(1, "pruned"), row(2, "pruned"), row(3)], courses, 3)
    assert bar is not None
    assert bar.flops == (49.75, 50.0)  # from there on most were stopped: no bar


def test_only_earlier_trials_of_the_family_that_had_ended_count() -> None:
    courses = {i: straight(0, 90 - i) for i in range(6)}
    rows = [row(i) for i in range(5)]
    assert bar_for(SPEC, PLAN, rows, courses, 2) is None  # two are too few
    assert bar_for(replace(SPEC, in_flight=2), PLAN, rows, courses, 3) is None  # trial 2 may still have run
    assert bar_for(replace(SPEC, in_flight=2), PLAN, rows, courses, 4) is not None
    other = [row(0, family="sparse_parallel"), *rows[1:]]
    assert bar_for(SPEC, PLAN, other, courses, 3) is None
    assert bar_for(SPEC, PLAN, [row(0, "failed"), *rows[1:]], courses, 3) is None
    assert bar_for(replace(SPEC, budget=Budget()), PLAN, rows, courses, 4) is None


def test_a_bar_begins_where_every_trial_was_measured() -> None:
    courses = {0: straight(0, 90), 1: straight(0, 80)[2:], 2: straight(0, 70)}
    bar = bar_for(SPEC, PLAN, [row(i) for i in range(4)], courses, 3)
    assert bar is not None
    assert bar.flops == (75.0, 100.0)


def served(database: Database, url: str, folder: Path, specs: Sequence[JobSpec]) -> list[list[Trial]]:
    """The trials of jobs that a scheduler with one slot has run."""
    job_ids = [submit(database, spec) for spec in specs]
    setting = Setting(url, str(folder), str(folder), "cpu", 1, lease_ttl_s=60.0)
    engine = HereEngine(database, setting)
    Scheduler(database, engine, lease_ttl_s=60.0, stop=Event(), artifacts=folder, until_idle=True).serve()
    with database.read() as session:
        assert {jobs.get(session, i).state for i in job_ids} == {"succeeded"}
        return [trials.all_of(session, i) for i in job_ids]


def told(found: Sequence[Trial]) -> list[tuple[object, ...]]:
    return [(t.number, t.kind, t.configuration, t.seed, t.state, t.value, t.message) for t in found]


TRAINING = {"steps": 4, "step_s": 0.0, "evaluates": True}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_job_stops_what_falls_behind(database: Database, database_url: str, tmp_path: Path) -> None:
    spec = make_spec(TRAINING, budget=Budget(14, 1, early_stopping="median"), in_flight=1)
    first, second = served(database, database_url, tmp_path, [spec, spec])
    assert told(first) == told(second)
    stopped = [t for t in first if t.state == "pruned"]
    assert 2 <= len(stopped) <= 10
    assert {t.kind for t in stopped} == {"search"}
    assert [t.state for t in first if t.kind != "search"] == ["complete"] * 3
    for trial in stopped:
        assert (trial.value, trial.reason, trial.training_flops) == (None, "early_stopping", None)
        assert trial.message.startswith("Stopped early at 5e+05 training FLOPs: its ")
        with database.read() as session:
            assert [r.step for r in attempts.reports(session, trial.id)] == [1, 2]
    with database.read() as session:
        spent = spending.spent(session, first[0].job_id).training_flops
        complete = sum(t.state == "complete" for t in first)
        assert spent == pytest.approx(1e6 * complete + 5e5 * len(stopped))
        points = {m.configuration_key for m in curves.measurements(session, first[0].job_id)}
    assert points == {t.configuration_key for t in first if t.state == "complete"}


def test_an_order_carries_its_bar() -> None:
    bar = Bar("sparse_wide", "minimize", 3, (0.5, 1.0), (2.0, 1.0))
    trial = TrialSpec(SPEC.model, SPEC.dataset, SPEC.training, Configuration("dense"), "model", "default", 1, False)
    for order in (Order(1, "token", trial, "folder", None, bar), Order(1, "token", trial, "folder", None)):
        assert Order.from_json(json.loads(json.dumps(order.to_json()))) == order


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_same_trials_are_stopped_whoever_is_killed(
    database: Database, database_url: str, workers: Workers, tmp_path: Path
) -> None:
    spec = make_spec(TRAINING | {"step_s": 0.1}, budget=Budget(16, 1, early_stopping="median"))
    [expected] = served(database, database_url, tmp_path, [replace(spec, training=spec.training | {"step_s": 0.0})])
    assert [t for t in expected if t.state == "pruned"]
    job_id = submit(database, spec)

    def ended() -> int:
        with database.read() as session:
            return sum(t.state in ("complete", "pruned") for t in trials.all_of(session, job_id))

    for moment in (5, 10):
        worker = workers.start("--lease-ttl-s", "2")
        wait_until(lambda moment=moment: ended() >= moment)  # type: ignore[misc]
        workers.kill(worker)
    time.sleep(2.0)  # until its lease on the job is over: else there is nothing to claim, and the next one ends
    workers.finish(workers.start("--until-idle", "--lease-ttl-s", "2"))
    with database.read() as session:
        found = trials.all_of(session, job_id)
    assert told(found) == told(expected)
