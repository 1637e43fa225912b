import json

import numpy as np
import pytest

from analysis.importance import importance
from sparseift.records import Metric
from tests.analysis.test_schedules import STATIC, Search, rigl

ACCURACY = Metric("accuracy", "%", "maximize")
LOSS = Metric("bits_per_byte", "bits/byte", "minimize")


def searched(runs: int, sign: float = 1.0, noise: float = 0.2) -> Search:
    """A search in which ΔT decides, sparsity matters a little, and nothing else does."""
    search, random = Search(), np.random.default_rng(5)
    for i in range(runs):
        interval, drop = int(random.choice([50, 100, 200, 400, 800])), float(random.choice([0.1, 0.3, 0.5]))
        sparsity = float(random.choice([0.5, 0.75, 0.9]))
        good = -2 * abs(np.log2(interval / 100)) - abs(sparsity - 0.75) + random.normal(0, noise)
        schedule = rigl(interval, drop) if i % 5 else STATIC
        search.run(schedule, sign * (good if i % 5 else -8 + random.normal(0, noise)), sparsity=sparsity, seed=i)
    return search


def test_what_decides_comes_first_and_stands_out_of_chance() -> None:
    search = searched(60)
    found = importance(search.rows, search.configurations, ACCURACY)
    shares = {i.parameter: i for i in found.importances}
    assert found.importances[0].parameter == "delta_t_steps"
    assert sum(i.share for i in found.importances) == pytest.approx(1.0)
    assert set(shares) == {"sparsity", "method", "delta_t_steps", "drop_fraction"}, "what was varied"
    assert shares["delta_t_steps"].chance < 0.05
    assert shares["drop_fraction"].chance > 0.1
    assert all(0 <= i.low <= i.high <= 1 for i in found.importances)
    assert (found.runs, shares["delta_t_steps"].runs, shares["sparsity"].runs) == (60, 48, 60)
    json.dumps(found.to_json())


def test_lower_may_be_better_and_the_answer_repeats_itself() -> None:
    up, down = searched(30), searched(30, sign=-1.0)
    first = importance(up.rows, up.configurations, ACCURACY)
    assert importance(up.rows, up.configurations, ACCURACY) == first
    mirrored = importance(down.rows, down.configurations, LOSS)
    assert [i.parameter for i in mirrored.importances] == [i.parameter for i in first.importances]
    assert [i.share for i in mirrored.importances] == pytest.approx([i.share for i in first.importances])


def test_without_an_effect_chance_explains_what_is_seen() -> None:
    below, parameters = 0, 0
    for seed in range(4):
        search, random = Search(), np.random.default_rng(seed)
        for i in range(24):
            search.run(rigl(int(random.choice([50, 100, 200])), float(random.choice([0.1, 0.3]))), random.normal(), seed=i)  # fmt: skip  # noqa: E501
        for found in importance(search.rows, search.configurations, ACCURACY).importances:
            below += found.chance < 0.05
            parameters += 1
    assert parameters == 8
    assert below <= 2  # .05 expected of each: 3 or more has probability .006


def test_shares_of_one_and_of_two_that_are_one_by_hand() -> None:
    # Drop fraction 0.1 in the better half of the runs and 0.5 in the other: alone it has all importance; with ΔT going
    # along exactly, each has a half.
    alone, twins = Search(), Search()
    for i in range(16):
        good = i % 2 == 0
        value = 90.0 + good + 0.01 * (i // 2)
        alone.run(rigl(100, 0.1 if good else 0.5), value, seed=i)
        twins.run(rigl(100, 0.1 if good else 0.5, 0.75 if good else 0.5), value, seed=i)
    (only,) = importance(alone.rows, alone.configurations, ACCURACY).importances
    assert (only.parameter, only.share, only.low, only.high) == ("drop_fraction", 1.0, 1.0, 1.0)
    both = importance(twins.rows, twins.configurations, ACCURACY).importances
    assert {i.parameter: i.share for i in both} == pytest.approx({"drop_fraction": 0.5, "t_end_fraction": 0.5})


def test_too_little_to_say() -> None:
    search = searched(8)
    found = importance(search.rows, search.configurations, ACCURACY)
    assert (found.importances, found.reason) == ((), "8 of at least 12 runs of the search have a result.")
    same = Search()
    for i in range(14):
        same.run(STATIC, 90.0 + i, seed=i)
    found = importance(same.rows, same.configurations, ACCURACY)
    assert found.reason == "No parameter of the schedule was varied."


def test_equal_runs_and_a_lonely_method_are_no_trouble() -> None:
    search = searched(20)
    search.run({**STATIC, "method": "gmp", "t_end_fraction": 0.5}, 5.0)
    found = importance(search.rows, search.configurations, ACCURACY)
    assert found.runs == 20, "what no other run has says nothing"
    flat = Search()
    for i in range(16):
        flat.run(rigl(50 * (1 + i % 4)), 90.0, seed=i)
    (only,) = importance(flat.rows, flat.configurations, ACCURACY).importances
    assert (only.share, only.chance) == (0.0, 1.0)
