import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from analysis.measurement import Measurement
from analysis.points import CurvePoint, aggregate
from analysis.smooth import (
    LENGTHS,
    LEVEL,
    NOISES,
    SURFACES,
    SmoothAnswer,
    SmoothCurve,
    _credible,
    _improvement,
    _Process,
    smooth,
)  # fmt: skip
from analysis.statistics import Noise, pooled_noise
from sparseift.records import Metric

ACCURACY = Metric("accuracy", "%", "maximize")
LOSS = Metric("bits_per_byte", "bits/byte", "minimize")
LEVELS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
Surface = Callable[[float], float]


def peak(sparsity: float, at: float = 2.0, steepness: float = 1.0) -> float:
    """Best at 1 − 2^−at."""
    return 80.0 - steepness * (-math.log2(1 - sparsity) - at) ** 2


def points(
    surface: Surface, levels: tuple[float, ...], seeds: int, sd: float, random: np.random.Generator, schedules: int = 0
) -> tuple[CurvePoint, ...]:
    """Runs at some levels; with `schedules` each level has so many, whose effects have half a run's sd."""
    rows, named = [], {}
    for s in levels:
        for k in range(max(1, schedules)):
            key = f"{s}-{k}"
            named[key] = {"schedule": {"method": f"m{k}", "distribution": "uniform"}}
            effect = random.normal(0, sd / 2) if schedules else 0.0
            for seed in range(seeds):
                value = surface(s) + effect + random.normal(0, sd)
                rows.append(Measurement("f", key, s, "search", seed, value, None, 1.0, 1.0, len(rows)))
    return aggregate(rows, named)


def test_a_peak_is_found_between_and_the_curve_is_read_off() -> None:
    random = np.random.default_rng(0)
    measured = points(peak, (0.3, 0.5, 0.6, 0.8, 0.9), 3, 0.02, random)
    found = smooth(measured, LEVELS, ACCURACY, "f", pooled_noise([p.values for p in measured]))
    assert found.reason == ""
    assert (found.sparsities[0], found.sparsities[-1]) == (0.3, 0.95)
    at = int(np.argmin(np.abs(np.array(found.sparsities) - 0.75)))
    assert found.mean[at] == pytest.approx(peak(found.sparsities[at]), abs=0.15)
    assert all(a <= m <= b for a, m, b in zip(found.low, found.mean, found.high, strict=True))
    assert found.best_sparsity in (0.7, 0.75, 0.8)
    assert found.next_sparsity in (0.7, 0.75, 0.8), "near the peak, where nothing has been measured"
    assert {0.75, 0.8} <= set(found.candidates) <= {0.6, 0.7, 0.75, 0.8, 0.85, 0.95}, "beyond .9 it might rise again"
    assert (found.runs, found.levels) == (15, 5)
    json.dumps(SmoothAnswer(ACCURACY, (found,)).to_json())


def test_a_level_that_is_missed_by_a_hair_is_offered_once() -> None:
    solved = (0.5, 0.6132678, 0.75)
    measured = points(peak, solved, 2, 0.5, np.random.default_rng(3))
    found = smooth(measured, solved, ACCURACY, "f", Noise(0.5, 10))
    assert len(found.candidates) > 1
    assert len(found.candidates) == len({round(s, 2) for s in found.candidates})
    assert found.best_sparsity in (0.5, 0.613, 0.75)


def test_the_mean_is_the_mixture_of_gaussian_processes_by_definition() -> None:
    # Rasmussen & Williams, equations 2.25 and 2.30, one cell of the grid after the other, on three levels a step apart
    measured = points(peak, (0.5, 0.75, 0.875), 1, 0.3, np.random.default_rng(4))
    values, u = np.array([p.mean for p in measured]), np.array([1.0, 2.0, 3.0])
    spread, centre = values.std(ddof=1), values.mean()
    y, at = (values - centre) / spread, 2.5  # between .75 and .875, at 1 − 2^−2.5
    logs, means = [], []
    for length in LENGTHS:
        for surface in SURFACES:
            for noise in NOISES:
                among = surface**2 * np.exp(-((u[:, None] - u) ** 2) / (2 * length**2)) + LEVEL**2
                towards = surface**2 * np.exp(-((u - at) ** 2) / (2 * length**2)) + LEVEL**2
                covariance = among + noise**2 * np.eye(3)
                logs.append(stats.multivariate_normal.logpdf(y, cov=covariance))
                means.append(towards @ np.linalg.solve(covariance, y))
    weights = np.exp(np.array(logs) - max(logs))
    expected = centre + spread * (weights @ means) / weights.sum()
    found = smooth(measured, (1 - 2**-at,), ACCURACY, "f", None)
    assert np.interp(1 - 2**-at, found.sparsities, found.mean) == pytest.approx(expected, abs=0.02 * spread)


def process(means: tuple[float, ...], sds: tuple[float, ...]) -> _Process:
    """One cell whose levels do not depend on each other."""
    variances = np.array([sds]) ** 2
    return _Process(np.ones(1), np.array([means]), variances, np.array([np.diag(variances[0])]), 1.0)


def test_expected_improvement_and_candidates_by_hand() -> None:
    # over the measured level's 0, at a mean of .5 ± 1: .5 Φ(.5) + φ(.5) = .5 · .6915 + .3521 = .6978; at −1 ± 2:
    # −Φ(−.5) + 2 φ(.5) = −.3085 + .7041 = .3956; where all is known, at −.1, nothing
    one = process((0.0, 0.5, -1.0, -0.1), (0.0, 1.0, 2.0, 0.0))
    gains = _improvement(one, one.moments()[0], 0, [0])
    assert gains == pytest.approx([0.0, 0.6978, 0.3956, 0.0], abs=1e-4)
    # a level that is best with probability Φ(3/√2) = .983 stands alone; of three alike each has a third
    assert _credible(process((3.0, 0.0), (1.0, 1.0)), np.array([0.5, 0.75])) == (0.5,)
    assert _credible(process((1.0, 1.0, 1.0), (1.0, 1.0, 1.0)), np.array([0.5, 0.7, 0.9])) == (0.5, 0.7, 0.9)


def test_lower_may_be_better() -> None:
    random = np.random.default_rng(1)
    measured = points(lambda s: -peak(s), (0.3, 0.5, 0.7, 0.8, 0.95), 2, 0.02, random)
    found = smooth(measured, LEVELS, LOSS, "f", None)
    assert found.best_sparsity in (0.7, 0.75, 0.8)
    assert all(a <= b for a, b in zip(found.low, found.high, strict=True))
    assert found.expected_improvement is not None
    assert found.expected_improvement >= 0


def test_the_band_is_wide_where_nothing_was_measured() -> None:
    measured = points(peak, (0.3, 0.4, 0.5), 3, 0.05, np.random.default_rng(2))
    found = smooth(measured, LEVELS, ACCURACY, "f", Noise(0.05, 6))
    width = np.array(found.high) - np.array(found.low)
    assert width[-1] > 5 * width[0]
    assert found.next_sparsity is not None
    assert found.next_sparsity > 0.5


def test_too_few_levels_say_so() -> None:
    measured = points(peak, (0.3, 0.4), 3, 0.05, np.random.default_rng(2))
    found = smooth(measured, LEVELS, ACCURACY, "f", None)
    assert (found.mean, found.next_sparsity) == ((), None)
    assert found.reason == "2 of at least 3 different sparsities have a result."
    assert smooth(measured, LEVELS, ACCURACY, "other", None).runs == 0


def test_runs_without_any_spread_are_no_trouble() -> None:
    measured = points(lambda _: 90.0, (0.3, 0.5, 0.9), 2, 0.0, np.random.default_rng(0))
    found = smooth(measured, LEVELS, ACCURACY, "f", None)
    assert found.mean[0] == pytest.approx(90.0)


@pytest.mark.parametrize("sd", [0.0, 1e-9, 1e-7, 1e-3])
def test_hardly_any_noise_is_no_trouble(sd: float) -> None:
    measured = points(peak, (0.3, 0.5, 0.6, 0.7, 0.8, 0.9), 1, 0.0, np.random.default_rng(0))
    found = smooth(measured, LEVELS, ACCURACY, "f", Noise(sd, 2))
    assert np.interp(0.75, found.sparsities, found.mean) == pytest.approx(80.0, abs=0.1)
    assert np.isfinite([*found.low, *found.high]).all()


def surface_of(random: np.random.Generator) -> Surface:
    at, a, kind = random.uniform(1, 3), random.uniform(0.2, 1.5), int(random.integers(3))

    def surface(s: float) -> float:
        return (peak(s, at, a), 80 + 2 * a * s, 80 + a * math.sin(-1.5 * math.log2(1 - s) + at))[kind]

    return surface


@pytest.mark.parametrize("degrees", [1, 2, 4])
def test_the_band_covers_in_a_running_search(degrees: int) -> None:
    """Single runs, and a noise that is known from the baseline's few seeds alone."""
    random, jobs = np.random.default_rng(degrees), 120
    covered = []
    for _ in range(jobs):
        surface = surface_of(random)
        levels = tuple(sorted(random.choice(LEVELS, 7, replace=False).tolist()))
        measured = points(surface, levels, 1, 0.3, random)
        noise = Noise(0.3 * math.sqrt(random.chisquare(degrees) / degrees), degrees)
        found = smooth(measured, LEVELS, ACCURACY, "f", noise)
        truth = np.array([surface(s) for s in found.sparsities])
        covered.append(np.mean((np.array(found.low) <= truth) & (truth <= np.array(found.high))))
    assert 0.92 <= np.mean(covered) <= 0.97  # .93 to .94, standard error .012


@pytest.mark.parametrize("schedules", [0, 2])
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_band_covers_as_often_as_it_says(seeds: int, schedules: int) -> None:
    random, jobs = np.random.default_rng(10 * seeds + schedules), 100
    covered, best_in_set = [], 0
    for _ in range(jobs):
        at, steepness = random.uniform(1, 3), random.uniform(0.2, 1.5)
        kind = random.integers(3)

        def surface(s: float, at: float = at, a: float = steepness, kind: int = int(kind)) -> float:
            curved = 80 + a * math.sin(-1.5 * math.log2(1 - s) + at)
            return (peak(s, at, a), 80 + 2 * a * s, curved)[kind]

        levels = tuple(sorted(random.choice(LEVELS, 7, replace=False).tolist()))
        measured = points(surface, levels, seeds, 0.3, random, schedules)
        found: SmoothCurve = smooth(measured, LEVELS, ACCURACY, "f", pooled_noise([p.values for p in measured]))
        truth = np.array([surface(s) for s in found.sparsities])
        covered.append(np.mean((np.array(found.low) <= truth) & (truth <= np.array(found.high))))
        best_in_set += max(LEVELS, key=surface) in found.candidates
    assert 0.92 <= np.mean(covered) <= 0.97
    assert best_in_set / jobs >= 0.93  # nominal .95, standard error .022
