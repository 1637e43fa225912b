import math

import numpy as np
import pytest

from analysis.statistics import (
    Noise,
    difference,
    mean_interval,
    paired_interval,
    pooled_noise,
    probability_best,
    t_quantile,
    welch_interval,
    within_noise,
)


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


def test_paired_interval_by_hand() -> None:
    # differences 1, 2, 3: the interval of the mean above; values that differ wildly between seeds do not matter
    found = difference({1: 11.0, 2: 102.0, 3: 1003.0}, {1: 10.0, 2: 100.0, 3: 1000.0})
    assert found.method == "paired"
    assert found.mean == pytest.approx(2.0)
    assert found.high == pytest.approx(4.4841, abs=1e-4)


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


@pytest.mark.parametrize("a", [{7: 1.0, 8: 2.0}, {1: 1.0, 8: 2.0}])
def test_seeds_that_dense_did_not_run_are_not_paired(a: dict[int, float]) -> None:
    assert difference(a, {1: 0.0, 2: 0.5}).method == "welch"


def test_single_runs_have_a_difference_without_interval() -> None:
    found = difference({1: 3.0}, {1: 1.0, 2: 2.0})
    assert (found.mean, found.low, found.method, found.n) == (1.5, None, "none", 1)
    assert paired_interval([1.0]).method == "none"


def test_values_without_spread_give_no_interval() -> None:
    assert mean_interval([5.0, 5.0, 5.0]).low is None
    for found in (welch_interval([1.0, 1.0], [0.5, 0.5]), paired_interval([0.3, 0.1 + 0.2])):
        assert (found.low, found.high, found.method) == (None, None, "none")
        assert not found.clears_zero
        assert found.n == 2


def test_a_jobs_seed_noise_bounds_the_standard_error_from_below() -> None:
    noise = Noise(0.2, 6)  # σ / √2 = .1414
    for found in (paired_interval([0.5, 0.5], noise), welch_interval([1.0, 1.0], [0.5, 0.5], noise)):
        assert found.high == pytest.approx(0.5 + 2.447 * 0.2 / math.sqrt(2), abs=1e-4)  # t(6)
    assert not paired_interval([0.3, 0.3], noise).clears_zero
    wide = paired_interval([1.0, 2.0, 3.0])
    assert paired_interval([1.0, 2.0, 3.0], noise) == wide, "it only bounds"
    assert welch_interval([1.0, 9.0], [0.0, 2.0], noise) == welch_interval([1.0, 9.0], [0.0, 2.0])
    nothing = pooled_noise([[1.0, 1.0], [0.5, 0.5]])
    assert paired_interval([0.5, 0.5], nothing).low is None


def test_intervals_for_several_comparisons_are_wider() -> None:
    # Bonferroni for 4: t(2) at 1 − .05/8 = 8.860 (between the printed 6.965 at .99 and 9.925 at .995)
    assert t_quantile(2, 4) == pytest.approx(8.860, abs=1e-3)
    found = difference({1: 1.0, 2: 2.0, 3: 3.0}, {1: 0.0, 2: 0.0, 3: 0.0}, comparisons=4)
    assert found.high == pytest.approx(2 + 8.860 / math.sqrt(3), abs=1e-3)
    assert welch_interval([2.0, 3.0], [1.0, 0.0], comparisons=4).high == pytest.approx(
        2 + t_quantile(2, 4) * math.sqrt(0.5)
    )


def test_pooled_noise_by_hand() -> None:
    # s² = 1 with 2 degrees, s² = 4 with 2 degrees, one single: √((2 + 8) / 4) = 1.5811
    noise = pooled_noise([[1.0, 2.0, 3.0], [-1.0, 1.0, 3.0], [9.0]])
    assert noise == Noise(pytest.approx(math.sqrt(2.5)), 4)
    assert pooled_noise([[1.0], [2.0]]) is None


def test_within_noise_is_the_two_sample_t_test() -> None:
    noise = Noise(1.0, 10)
    edge = 2.228 * math.sqrt(2)  # two single runs
    assert within_noise([0.0], [edge - 0.01], noise)
    assert not within_noise([0.0], [edge + 0.01], noise)
    assert not within_noise([0.0] * 3, [edge / 1.5] * 3, noise)  # more seeds see more


def test_probability_best_splits_evenly_between_equals_and_repeats_itself() -> None:
    noise = Noise(1.0, 6)
    chances = probability_best([[1.0, 1.0], [1.0, 1.0]], noise, maximize=True)
    assert sum(chances) == pytest.approx(1.0)
    assert chances[0] == pytest.approx(0.5, abs=0.02)
    assert chances == probability_best([[1.0, 1.0], [1.0, 1.0]], noise, maximize=True)
    assert probability_best([], noise, maximize=True) == ()


def test_probability_best_of_two_is_students_tail() -> None:
    # P(μ₁ > μ₂) = T₆(d / (s √(1/n₁ + 1/n₂))) under the flat prior; d = 1.943 gives the 95th percentile of T₆
    noise = Noise(1.0, 6)
    better, worse = probability_best([[1.943], [0.0]], Noise(math.sqrt(0.5), 6), maximize=True)
    assert better == pytest.approx(0.95, abs=0.01)
    assert worse == pytest.approx(0.05, abs=0.01)
    assert probability_best([[9.0], [0.0]], noise, maximize=False)[1] > 0.99


def test_intervals_cover_as_often_as_they_say() -> None:
    random = np.random.default_rng(20)
    runs = 1500
    covered = {"mean": 0, "paired": 0, "welch": 0}
    for _ in range(runs):
        shared = random.normal(0, 2.0, 3)  # what a seed does to dense and sparse alike
        dense = dict(enumerate(shared + random.normal(0, 1.0, 3)))
        sparse = dict(enumerate(0.7 + shared + random.normal(0, 1.0, 3)))
        other = {k + 10: 0.7 + v for k, v in enumerate(random.normal(0, 1.5, 4))}
        for name, found, truth in (
            ("mean", mean_interval(list(sparse.values())), 0.7),
            ("paired", difference(sparse, dense), 0.7),
            ("welch", difference(other, dense), 0.7),
        ):
            assert found.low is not None
            assert found.high is not None
            covered[name] += found.low <= truth <= found.high
    for name, count in covered.items():  # standard error .0056
        assert 0.93 < count / runs < 0.98, name
