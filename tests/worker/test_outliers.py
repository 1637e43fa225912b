"""How bad a run may count, by hand and as a law."""

import math

import numpy as np
import pytest

from worker.outliers import FAR, LATEST, NORMAL, limits


def test_limits_by_hand() -> None:
    # Distances of a: 1, 2, 3, 1, 2, 1; of b: 2. Sorted 1 1 1 2 2 2 3: the lower quartile of seven is the second.
    found = limits({"a": [4.0, 1.0, 2.0, 3.0], "b": [10.0, 12.0]})
    assert found == pytest.approx({"a": 1.0 + FAR * NORMAL, "b": 10.0 + FAR * NORMAL})


def test_equal_or_lone_runs_set_no_limit() -> None:
    assert limits({}) == {}
    assert limits({"a": [1.7], "b": [90.0]}) == {"a": math.inf, "b": math.inf}
    assert limits({"a": [1.7, 1.7, 1.7]}) == {"a": math.inf}


def test_equal_runs_of_a_counting_metric_do_not_make_a_difference_an_outlier() -> None:
    image = 100 / 297
    assert limits({"a": [10.0] * 6 + [10.0 + image]})["a"] == pytest.approx(10.0 + FAR * NORMAL * image)


@pytest.mark.parametrize("bad", [2.0, 300.0, 1e12, 1e300])
def test_the_limit_does_not_depend_on_how_bad_an_outlier_is(bad: float) -> None:
    losses = {"a": [1.70, 1.72, 1.71, 1.74], "b": [1.60, 1.66, 1.61]}
    with_it = limits({**losses, "b": [*losses["b"], bad]})
    assert with_it == limits({**losses, "b": [*losses["b"], 2.0]})
    assert limits(losses)["b"] <= with_it["b"] < 2.0


def test_units_and_levels_do_not_matter() -> None:
    losses = [1.0, 4.0, 2.5, 9.0, 3.0]
    assert limits({"a": [1000 * v + 5 for v in losses]})["a"] == pytest.approx(1000 * limits({"a": losses})["a"] + 5)


def test_noise_alone_is_seldom_limited_and_a_third_of_outliers_is() -> None:
    dice = np.random.default_rng(0)
    beyond, runs = 0, 0
    for _ in range(300):
        losses = {family: dice.normal(level, 1.0, 6).tolist() for family, level in (("a", 0), ("b", 50), ("c", -9))}
        found = limits(losses)
        beyond += sum(v > found[family] for family, values in losses.items() for v in values)
        runs += 18
        diverged = limits({family: [*values[:4], 1e6, 1e9] for family, values in losses.items()})
        assert all(diverged[family] < 1e3 for family in losses)
    assert beyond / runs < 0.02  # 1 % of normal values lie 2.3 deviations above their mean


def test_a_long_search_looks_at_its_latest_runs() -> None:
    dice = np.random.default_rng(1)
    latest = dice.normal(0, 1, LATEST).tolist()
    assert limits({"a": [0.0, 1.0] * 20_000 + latest})["a"] == pytest.approx(limits({"a": latest})["a"], abs=1.0)
