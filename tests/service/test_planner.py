"""The planner's child: typed errors, time limits, and a new child for one that died."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from service import plan_errors
from service.planner import ChildPlanner, PlannerFailed, PlannerUnavailable, planning_key
from sparseift.errors import DataError, Infeasible, InvalidValue, NothingToTransform, SparseIFTError, UnknownName
from sparseift.records import Budget, JobSpec, Named

SPEC = JobSpec("j", Named("mlp"), Named("digits"), ("sparse_wide",))
FUNCTION = "tests.service.planning_functions:by_name"


@contextmanager
def planner(timeout_s: float = 30.0, waiting: int = 4, cached: int = 8) -> Iterator[ChildPlanner]:
    """A planner whose function does what the job's name says."""
    opened = ChildPlanner(timeout_s, waiting, cached, FUNCTION)
    try:
        yield opened
    finally:
        opened.close()


def named(name: str, **changes: object) -> JobSpec:
    """A job of its own plan; `name` reaches the function through the model."""
    return replace(SPEC, model=Named(name), **changes)  # type: ignore[arg-type]


@pytest.mark.slow
def test_plans_errors_and_defects_cross_the_border() -> None:
    with planner() as ours:
        assert ours.plan(named("works")).total_steps == 100
        with pytest.raises(Infeasible, match="Nothing fits") as infeasible:
            ours.plan(named("infeasible"))
        assert infeasible.value.nearest == (0.5, 0.75)
        with pytest.raises(UnknownName, match="There is no thing 'x'; the known ones are a, b"):
            ours.plan(named("unknown"))
        with pytest.raises(NothingToTransform):
            ours.plan(named("nothing"))
        with pytest.raises(PlannerFailed, match="ZeroDivisionError"):
            ours.plan(named("defect"))
        assert ours.plan(named("prints")).total_steps == 100


@pytest.mark.slow
def test_a_plan_is_solved_once_for_all_who_ask() -> None:
    with planner() as ours:
        jobs = [named("slow", seed=i, budget=Budget(i + 1)) for i in range(20)]
        with ThreadPoolExecutor(20) as pool:
            plans = list(pool.map(ours.plan, jobs))
        assert len({id(plan) for plan in plans}) == 1
        began = time.monotonic()
        ours.plan(replace(jobs[0], name="another name"))
        assert time.monotonic() - began < 0.1


@pytest.mark.slow
def test_a_child_that_hangs_or_dies_is_replaced() -> None:
    with planner(timeout_s=30.0) as ours:
        ours.plan(named("works"))
        child = ours._child
        assert child is not None
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert ours.plan(named("works again")).total_steps == 100
        with pytest.raises(PlannerUnavailable, match="ended 2 times"):
            ours.plan(named("dies"))
        assert ours.plan(named("works a third time")).total_steps == 100
        ours._timeout_s = 0.3
        with pytest.raises(PlannerUnavailable, match=r"longer than 0\.3 s"):
            ours.plan(named("hangs"))
        ours._timeout_s = 30.0
        assert ours.plan(named("works a fourth time")).total_steps == 100


@pytest.mark.slow
def test_waiting_is_bounded_and_closing_ends_it() -> None:
    with planner(waiting=1) as ours:
        caught: list[Exception] = []

        def hang() -> None:
            try:
                ours.plan(named("hangs"))
            except PlannerUnavailable as error:
                caught.append(error)

        thread = threading.Thread(target=hang)
        thread.start()
        deadline = time.monotonic() + 10
        while not ours._under_way and time.monotonic() < deadline:
            time.sleep(0.01)
        with pytest.raises(PlannerUnavailable, match="1 other plans are waiting"):
            ours.plan(named("works"))
        ours.close()
        thread.join(10)
        assert len(caught) == 1
        with pytest.raises(PlannerUnavailable, match="stopping"):
            ours.plan(named("works"))


def test_the_key_is_what_a_plan_depends_on() -> None:
    same = replace(SPEC, name="x", seed=9, budget=Budget(1, 1), in_flight=7)
    assert planning_key(same) == planning_key(SPEC)
    for other in (replace(SPEC, scope="linear_layers"), replace(SPEC, training={"epochs": 2}), named("gpt")):
        assert planning_key(other) != planning_key(SPEC)


@pytest.mark.parametrize(
    "error",
    [
        UnknownName("model", "x", ("a", "b")),
        Infeasible("No.", (0.5,)),
        InvalidValue("No."),
        NothingToTransform("No."),
        DataError("No."),
    ],
)
def test_errors_survive_json(error: SparseIFTError) -> None:
    back = plan_errors.decode(json.loads(json.dumps(plan_errors.encode(error))))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


def test_an_error_that_is_not_the_jobs_is_a_defect() -> None:
    assert plan_errors.decode(plan_errors.encode(SparseIFTError("odd"))) is None
