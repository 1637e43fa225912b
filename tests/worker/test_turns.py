"""Whose trial it is, by hand and as a law."""

import pytest

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Budget, Configuration, Space
from tests.worker.fakes import FAMILIES, make_plan, make_spec
from tests.worker.test_search import simulate
from worker.suggest import LARGEST, Seen, spread
from worker.turns import ROUNDS, whose

STATIC = MaskSchedule("static")
SPACE = Space(methods=("static",))
WIDE, PARALLEL = FAMILIES


def measured(family: str, sparsity: float, value: float) -> Seen:
    return Seen(Configuration(family, sparsity, STATIC), "measured", value)


def families_of(places: range, earlier: list[Seen], direction: str = "maximize") -> list[str]:
    return [whose(SPACE, make_plan(direction), FAMILIES, place, earlier, seed=place) for place in places]


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("better", FAMILIES)
def test_two_rounds_and_then_every_other_trial_to_the_better_family(better: str, direction: str) -> None:
    sign = 1.0 if direction == "maximize" else -1.0
    earlier = [
        measured(family, sparsity, sign * ((90.0 if family == better else 60.0) + sparsity))
        for sparsity in (0.5, round(2 / 3, 6))
        for family in FAMILIES
        if sparsity == 0.5 or family == PARALLEL
    ]
    earlier.append(measured(WIDE, 0.75, sign * ((90.0 if better == WIDE else 60.0) + 0.75)))
    found = families_of(range(12), earlier, direction)
    assert found[:4] == [WIDE, PARALLEL] * ROUNDS
    assert found[4::2] == [WIDE, PARALLEL, WIDE, PARALLEL]
    assert found[5::2] == [better] * 4


def test_a_run_that_diverged_late_does_not_cost_the_best_family_its_turns() -> None:
    earlier = [measured(WIDE, s, -v) for s, v in ((0.5, 1.70), (0.75, 1.71), (0.9, 1.70))]
    earlier += [measured(PARALLEL, s, -v) for s, v in ((0.5, 1.60), (0.75, 1.59), (0.9, 1e12))]
    assert families_of(range(4, 12), earlier)[1::2] == [PARALLEL] * 4


def test_what_has_only_failed_promises_nothing() -> None:
    bad = [Seen(Configuration(WIDE, s, STATIC), "bad") for s in (0.5, 0.75, 0.9)]
    good = [measured(PARALLEL, 0.5, 50.0)]
    assert families_of(range(4, 12), bad + good) == [turn for turn in (WIDE, PARALLEL) for _ in range(2)] * 2
    assert families_of(range(4, 8), []) == [WIDE, WIDE, PARALLEL, PARALLEL]


def test_one_family_and_a_large_job_need_no_choice() -> None:
    plan = make_plan()
    assert {whose(SPACE, plan, (WIDE,), place, [], seed=0) for place in range(9)} == {WIDE}
    space = Space(methods=("set", "rigl"))
    many = [Seen(spread(space, plan, WIDE, (), seed=i), "measured", 90.0 + i % 7) for i in range(LARGEST + 60)]
    many.append(Seen(Configuration(PARALLEL, 0.5, MaskSchedule("set")), "measured", 10.0))
    assert whose(space, plan, FAMILIES, 7, many, seed=0) == PARALLEL


@pytest.mark.parametrize("seed", range(3))
def test_no_family_goes_without(seed: int) -> None:
    rows = simulate(make_spec(seed=seed, budget=Budget(28, 0)), make_plan())
    families = [r.configuration.family for r in rows if r.kind == "search" and r.state == "complete"]
    assert families[:4] == [WIDE, PARALLEL] * ROUNDS
    assert families[4::2] == [WIDE, PARALLEL] * 6
