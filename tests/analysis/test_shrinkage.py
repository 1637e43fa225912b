from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from analysis.shrinkage import chance_of
from analysis.statistics import Noise, pooled_noise

Samples = Sequence[Sequence[float]]


def chances(samples: Samples, noise: Noise, *, maximize: bool = True) -> list[float]:
    return [chance_of(i, samples, noise, maximize) for i in range(len(samples))]


def flat(index: int, samples: Samples, noise: Noise) -> float:
    """The probability under a flat prior: 20,000 draws of every mean and of the noise."""
    random = np.random.default_rng(3)
    means, runs = np.array([np.mean(s) for s in samples]), np.array([len(s) for s in samples])
    sd = noise.sd * np.sqrt(noise.degrees / random.chisquare(noise.degrees, size=(20_000, 1)))
    drawn = means + sd / np.sqrt(runs) * random.standard_normal((20_000, len(samples)))
    return float(np.mean(np.argmax(drawn, axis=1) == index))


def test_equals_share_and_sum_to_one() -> None:
    equals = [[1.0, 1.1], [1.0, 1.1], [1.1, 1.0]]
    found = chances(equals, Noise(0.1, 6))
    assert found == pytest.approx([1 / 3] * 3, abs=0.02)
    assert found == chances(equals, Noise(0.1, 6)), "draws come from a fixed seed"


def test_far_apart_is_certain_whichever_way_is_better() -> None:
    samples = [[1.0, 1.1], [5.0, 5.1], [9.0, 9.1]]
    assert chance_of(2, samples, Noise(0.1, 6), maximize=True) > 0.99
    assert chance_of(0, samples, Noise(0.1, 6), maximize=False) > 0.99
    assert chance_of(0, samples, Noise(0.1, 6), maximize=True) < 0.01


def test_two_points_by_integration() -> None:
    # One run each, σ = 1 known: d = x₁ − x₂ ~ N(0, 2(σ² + τ²)) over a uniform width τ up to 4; given τ, the difference
    # of the true means is N(k d, 2 k σ²) with k = τ²/(τ² + σ²). Trapezoids of the 25 widths, equal weights at the ends.
    d = 1.943
    tau = np.linspace(0, 4 * max(d / np.sqrt(2), 1.0), 25)
    weight = stats.norm.pdf(d, scale=np.sqrt(2 * (1 + tau**2)))
    keep = tau**2 / (1 + tau**2)
    with np.errstate(invalid="ignore"):
        each = np.where(tau > 0, stats.norm.cdf(np.sqrt(keep / 2) * d), 0.5)
    expected = float((weight * each).sum() / weight.sum())
    found = chance_of(0, [[d], [0.0]], Noise(1.0, 1_000_000), maximize=True)
    assert found == pytest.approx(expected, abs=0.01)
    student = float(stats.t.cdf(d / np.sqrt(2), 1_000_000))
    assert 0.5 < found < student, "the flat prior's is larger"


def test_the_chance_sums_to_one_and_shrinks() -> None:
    random = np.random.default_rng(4)
    samples = [list(random.normal(90, 0.4, n)) for n in random.choice([1, 1, 2, 3], 14)]
    noise = Noise(0.3, 8)
    assert sum(chances(samples, noise)) == pytest.approx(1.0, abs=0.03)
    best = int(np.argmax([np.mean(s) for s in samples]))
    assert chance_of(best, samples, noise, maximize=True) < flat(best, samples, noise)


def test_the_smallest_case() -> None:
    assert chance_of(0, [[3.0]], Noise(1.0, 3), maximize=True) == 1.0


def test_thousands_of_single_runs_take_a_moment() -> None:
    random = np.random.default_rng(5)
    samples = [[float(v)] for v in random.normal(0, 1, 2500)]
    found = chance_of(int(np.argmax(samples)), samples, Noise(1.0, 40), maximize=True)
    assert 0 < found < 0.2, "most of the spread is luck"


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_of_what_is_said_to_be_best_with_probability_p_a_share_p_is(width: float) -> None:
    random, jobs = np.random.default_rng(6), 400
    stated = 0.0
    right = 0
    for _ in range(jobs):
        truth = random.normal(0, width, 6)
        runs = (truth[:, None] + random.normal(0, 1, (6, 2))).tolist()
        noise = pooled_noise(runs)
        assert noise is not None
        chosen = int(np.argmax(np.mean(runs, axis=1)))
        stated += chance_of(chosen, runs, noise, maximize=True)
        right += int(truth.argmax()) == chosen
    assert stated / jobs == pytest.approx(right / jobs, abs=0.075)  # three standard errors


def test_lucky_points_among_equals_are_believed_less_than_under_the_flat_prior() -> None:
    random, jobs = np.random.default_rng(7), 60
    stated, naive = [], []
    for _ in range(jobs):
        runs = random.normal(0, 1, (8, 2)).tolist()
        noise = pooled_noise(runs)
        assert noise is not None
        best = int(np.argmax(np.mean(runs, axis=1)))
        stated.append(chance_of(best, runs, noise, maximize=True))
        naive.append(flat(best, runs, noise))
    assert np.mean(stated) < np.mean(naive) - 0.1
