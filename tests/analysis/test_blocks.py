import math
from collections.abc import Callable

import numpy as np
import pytest

from analysis.best import gain_over_dense, judge, over_dense
from analysis.blocks import contrasts, residual_noise
from analysis.measurement import Measurement
from analysis.points import aggregate, aggregate_dense
from analysis.statistics import Noise, t_quantile, welch_interval
from sparseift.records import DENSE, Metric

Measure = Callable[..., Measurement]
ACCURACY = Metric("accuracy", "%", "maximize")


def test_two_configurations_are_the_paired_t_test() -> None:
    # differences 1, 2, 3: their s = 1; residuals ±(d − d̄)/2 give σ² = 2 · (.25 + 0 + .25) / 2 = .5 = s²/2
    noise = residual_noise([{1: 11.0, 2: 102.0, 3: 1003.0}, {1: 10.0, 2: 100.0, 3: 1000.0}])
    assert noise is not None
    assert noise.degrees == 2
    assert noise.sd * math.sqrt(2) == pytest.approx(1.0)


def test_three_configurations_by_hand() -> None:
    # rows (1 2), (3 4), (5 9): row means 1.5 3.5 7, column means 3 5, grand 4;
    # residuals .5 −.5, .5 −.5, −1 1: 3 in all, over (3 − 1)(2 − 1) = 2
    noise = residual_noise([{1: 1.0, 2: 2.0}, {1: 3.0, 2: 4.0}, {1: 5.0, 2: 9.0}])
    assert noise is not None
    assert (noise.sd**2, noise.degrees) == (pytest.approx(1.5), 2)


def test_nothing_is_known_of_noise_without_spread_or_repeats() -> None:
    assert residual_noise([]) is None
    assert residual_noise([{1: 1.0, 2: 2.0}]) is None
    assert residual_noise([{1: 1.0}, {1: 2.0}]) is None
    assert residual_noise([{1: 1.0, 2: 2.0}, {1: 2.0, 2: 3.0}]) is None, "the seed explains it all"


def test_a_run_that_is_missing_costs_a_degree_of_freedom() -> None:
    # b lost seed 3. With it filled in so that it leaves no residual, least squares are those of the full table:
    # effects of seeds 0, 1 and, by the dense row and a alone, their mean of 2 and 3 less their means.
    full = residual_noise([{1: 0.0, 2: 1.0, 3: 2.0}, {1: 0.0, 2: 1.0, 3: 3.0}, {1: 5.0, 2: 6.5, 3: 9.0}])
    lost = residual_noise([{1: 0.0, 2: 1.0, 3: 2.0}, {1: 0.0, 2: 1.0, 3: 3.0}, {1: 5.0, 2: 6.5}])
    assert full is not None
    assert lost is not None
    assert (full.degrees, lost.degrees) == (4, 3)


def test_two_lost_runs_leave_what_is_common() -> None:
    # dense and a on seeds 1 and 2, b on 1 alone: b's one run says nothing of noise
    both = residual_noise([{1: 1.0, 2: 2.0}, {1: 3.0, 2: 5.0}])
    assert residual_noise([{1: 1.0, 2: 2.0}, {1: 3.0, 2: 5.0}, {1: 9.0}]) == both


def test_differences_by_hand() -> None:
    # differences 1, 2, 3: mean 2, s = 1, half width 4.3027 / √3 = 2.4841; what a seed does to both does not matter
    dense, wide = {1: 10.0, 2: 100.0, 3: 1000.0}, {1: 11.0, 2: 102.0, 3: 1003.0}
    found = contrasts(dense, [wide]).difference(wide)
    assert (found.mean, found.n, found.method) == (pytest.approx(2.0), 3, "blocked")
    assert found.high == pytest.approx(4.4841, abs=1e-4)
    # for four together t(2) at 1 − .05/8 = 8.860
    assert contrasts(dense, [wide]).difference(wide, 4).high == pytest.approx(2 + 8.860 / math.sqrt(3), abs=1e-3)


@pytest.mark.parametrize("runs", [{7: 1.0, 8: 2.0}, {1: 1.0, 8: 2.0}, {1: 1.0, 2: 2.0, 8: 2.5}])
def test_other_seeds_get_welchs_interval(runs: dict[int, float]) -> None:
    against = contrasts({1: 0.0, 2: 0.5, 3: 0.7}, [runs])
    assert against.residual is None
    assert against.difference(runs) == welch_interval(list(runs.values()), [0.0, 0.5, 0.7])


def test_a_lost_seed_leaves_the_others() -> None:
    dense, wide = {1: 1.0, 2: 2.0, 3: 3.5}, {1: 2.0, 2: 2.5, 3: 4.0}
    against = contrasts(dense, [wide, {1: 9.0, 3: 9.0}])
    found = against.difference({1: 9.0, 3: 9.0})
    assert (found.mean, found.n, found.method) == (pytest.approx(6.75), 2, "blocked")
    assert against.residual is not None
    assert found.high is not None
    half = t_quantile(against.residual.degrees) * against.residual.sd
    assert found.high - found.mean == pytest.approx(half), "√(2/2) of one run's noise"


def test_runs_without_spread_borrow_the_jobs_noise() -> None:
    dense, wide, other = {1: 90.0, 2: 90.0}, {1: 91.0, 2: 91.0}, {7: 91.0, 8: 91.0, 9: 91.0}
    for runs in (wide, other):
        assert contrasts(dense, [wide, other]).difference(runs).low is None
    against = contrasts(dense, [wide, other], Noise(0.3, 8))  # t(8) = 2.306
    assert against.difference(wide).high == pytest.approx(1.0 + 2.306 * 0.3, abs=1e-3)
    assert against.difference(other).high == pytest.approx(1.0 + 2.306 * 0.3 * math.sqrt(1 / 2 + 1 / 3), abs=1e-3)
    assert against.difference({1: 91.0}).low is None, "one run alone"


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("shared", [0.0, 2.0])
@pytest.mark.parametrize("families", [1, 4])
def test_gains_cover_as_often_as_they_say(measure: Measure, seeds: int, shared: float, families: int) -> None:
    """The interval of a curve's own gain, as it is shown, with and without a common effect of the seed."""
    random, jobs, covered = np.random.default_rng(seeds), 1200, 0
    for job in range(jobs):
        common = random.normal(0, shared, seeds)
        rows = [measure(DENSE, 0.0, i, v, "confirm") for i, v in enumerate(common + random.normal(0, 1, seeds))]
        for f in range(families):
            values = 0.7 + common + random.normal(0, 1, seeds)
            rows += [measure(f"sparse_{f}", 0.5, i, v, "confirm") for i, v in enumerate(values)]
        rows += [measure("sparse_0", 0.7, 50 + i, random.normal(0, 1)) for i in range(3)]  # of the search, elsewhere
        points, baseline = aggregate(rows, {}), aggregate_dense(rows)
        gain = gain_over_dense(points[0], over_dense(points, baseline, ACCURACY), ACCURACY)
        assert gain is not None
        if not job:
            assert gain == judge(points, baseline, ACCURACY)[0][0].gain, "what a curve shows"
        assert gain.low is not None
        assert gain.high is not None
        covered += gain.low <= 0.7 <= gain.high
    assert 0.92 <= covered / jobs <= 0.97, covered / jobs  # standard error .006
