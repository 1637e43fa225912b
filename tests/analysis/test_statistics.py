import math

import numpy as np
import pytest

from analysis.statistics import Noise, mean_interval, pooled_noise, t_quantile, welch_interval


def test_t_quantiles_are_those_of_the_printed_tables() -> None:
    assert [round(t_quantile(d), 3) for d in (1, 2, 3, 10)] == [12.706, 4.303, 3.182, 2.228]


def test_mean_interval_by_hand() -> None:
    # mean 2, s = 1, half width 4.3027 · 1 / √3 = 2.4841
    found = mean_interval([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    assert found.n == 3
    assert found.low == pytest.approx(2 - 2.4841, abs=1e-4)
    assert found.high == pytest.approx(2 + 2.4841, abs=1e-4)


def test_one_value_has_no_interval() -> None:
    found = mean_interval([5.0])
    assert (found.mean, found.low, found.high, found.n) == (5.0, None, None, 1)
    assert not found.clears_zero


def test_no_value_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        mean_interval([])


def test_welch_interval_by_hand() -> None:
    # a: mean 3, s² = 1, n = 3; b: mean 1, s² = 4, n = 3. se² = 1/3 + 4/3 = 5/3;
    # degrees (5/3)² / ((1/3)²/2 + (4/3)²/2) = 50/17 = 2.9412, t = 3.2201 (between t(2) = 4.303 and t(3) = 3.182)
    found = welch_interval([2.0, 3.0, 4.0], [-1.0, 1.0, 3.0])
    assert found.mean == pytest.approx(2.0)
    assert found.method == "welch"
    assert found.high is not None
    t = (found.high - found.mean) / math.sqrt(5 / 3)
    assert t == pytest.approx(t_quantile(50 / 17))
    assert 3.182 < t < 4.303


def test_values_without_spread_give_no_interval() -> None:
    assert mean_interval([5.0, 5.0, 5.0]).low is None
    found = welch_interval([1.0, 1.0], [0.3, 0.1 + 0.2])
    assert (found.low, found.high, found.method) == (None, None, "none")
    assert not found.clears_zero
    assert found.n == 2
    assert welch_interval([3.0], [1.0, 2.0]).low is None


def test_intervals_for_several_comparisons_are_wider() -> None:
    # Bonferroni for 4: t(2) at 1 − .05/8 = 8.860 (between the printed 6.965 at .99 and 9.925 at .995)
    assert t_quantile(2, 4) == pytest.approx(8.860, abs=1e-3)
    assert welch_interval([2.0, 3.0], [1.0, 0.0], comparisons=4).high == pytest.approx(
        2 + t_quantile(2, 4) * math.sqrt(0.5)
    )


def test_pooled_noise_by_hand() -> None:
    # s² = 1 with 2 degrees, s² = 4 with 2 degrees, one single: √((2 + 8) / 4) = 1.5811
    noise = pooled_noise([[1.0, 2.0, 3.0], [-1.0, 1.0, 3.0], [9.0]])
    assert noise == Noise(pytest.approx(math.sqrt(2.5)), 4)
    assert pooled_noise([[1.0], [2.0]]) is None
    assert pooled_noise([[1.0, 1.0], [2.0, 2.0, 2.0]]) is None, "equal by chance: no proof that there is no noise"


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_intervals_cover_as_often_as_they_say(seeds: int) -> None:
    random, runs = np.random.default_rng(20 + seeds), 1500
    covered = {"mean": 0, "welch": 0}
    for _ in range(runs):
        dense, other = random.normal(0, 1.0, seeds), 0.7 + random.normal(0, 1.5, seeds + 1)
        for name, found in (("mean", mean_interval(other.tolist())), ("welch", welch_interval(other, dense))):
            assert found.low is not None
            assert found.high is not None
            covered[name] += found.low <= 0.7 <= found.high
    for name, count in covered.items():  # standard error .0056
        assert 0.92 <= count / runs <= 0.97, name
