"""Intervals over seeds, from textbook formulas only.

Everywhere a run's value = its configuration's mean + independent, roughly normal seed noise. Intervals are 95
%, two-sided and per comparison: none is adjusted for how many are made, so a page states how many points it
compared.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

CONFIDENCE = 0.95  # two-sided
DRAWS = 20_000  # posterior draws: the Monte Carlo error of a probability is below .004

Method = Literal["paired", "welch", "none"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its 95 % interval, all in the unit of the values.

    Attributes:
        low, high: None where the data cannot give an interval (a single value).
        n: values, or pairs of values, that it rests on.
    """

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def clears_zero(self) -> bool:
        """Whether the interval lies wholly on one side of zero; False without an interval."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True)
class Difference(Estimate):
    """A difference of two means.

    Attributes:
        method: "paired" (by seed), "welch", or "none" (no interval). For Welch, `n` is the smaller sample's
            size.
    """

    method: Method


@dataclass(frozen=True, slots=True)
class Noise:
    """The standard deviation between seeds, pooled over configurations, and its degrees of freedom."""

    sd: float
    degrees: int


def t_quantile(degrees: float) -> float:
    """Student's t at the upper end of the two-sided interval, e.g. 4.303 for 2 degrees of freedom."""
    return float(stats.t.ppf(0.5 + CONFIDENCE / 2, degrees))


def mean_interval(values: Sequence[float]) -> Estimate:
    """x̄ ± t(n − 1) · s / √n: Student (1908). Assumes independent normal values; holds well for symmetric
    noise.

    Raises:
        ValueError: without any value.
    """
    if not values:
        raise ValueError("mean_interval needs at least one value; it got none.")
    n = len(values)
    mean = math.fsum(values) / n
    if n == 1:
        return Estimate(mean, None, None, 1)
    half = t_quantile(n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n)


def paired_interval(differences: Sequence[float]) -> Difference:
    """The mean of within-seed differences and Student's interval on it. Assumes normal *differences*."""
    one = mean_interval(differences)
    return Difference(one.mean, one.low, one.high, one.n, "paired" if one.n > 1 else "none")


def welch_interval(a: Sequence[float], b: Sequence[float]) -> Difference:
    """ā − b̄ with unequal variances: Welch (1947), Satterthwaite's degrees of freedom.

    Assumes two independent normal samples. Without an interval where either has one value.
    """
    mean = math.fsum(a) / len(a) - math.fsum(b) / len(b)
    n = min(len(a), len(b))
    if n < 2:
        return Difference(mean, None, None, n, "none")
    va, vb = float(np.var(a, ddof=1)) / len(a), float(np.var(b, ddof=1)) / len(b)
    if va + vb == 0:
        return Difference(mean, mean, mean, n, "welch")
    degrees = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    half = t_quantile(degrees) * math.sqrt(va + vb)
    return Difference(mean, mean - half, mean + half, n, "welch")


def difference(a: Mapping[int, float], b: Mapping[int, float]) -> Difference:
    """a − b from values by seed: paired where every seed of `a` was also run for `b` (two or more), else
    Welch.

    Pairing takes out what the seed does to both alike (order of batches, data noise); where it does nothing,
    the paired interval is still valid, only wider.
    """
    if len(a) > 1 and a.keys() <= b.keys():
        return paired_interval([a[seed] - b[seed] for seed in sorted(a)])
    return welch_interval(list(a.values()), list(b.values()))


def pooled_noise(samples: Sequence[Sequence[float]]) -> Noise | None:
    """√(Σ (nᵢ − 1) sᵢ² / Σ (nᵢ − 1)), as in one-way analysis of variance; None where no sample has two
    values.

    Assumes that all configurations share one seed noise: what a single-seed point must borrow to be judged at
        all.
    """
    usable = [s for s in samples if len(s) > 1]
    degrees = sum(len(s) - 1 for s in usable)
    if not degrees:
        return None
    squares = math.fsum((len(s) - 1) * float(np.var(s, ddof=1)) for s in usable)
    return Noise(math.sqrt(squares / degrees), degrees)


def within_noise(a: Sequence[float], b: Sequence[float], noise: Noise) -> bool:
    """Whether ā − b̄ lies inside its 95 % interval around zero under the pooled noise (two-sample t-test)."""
    half = t_quantile(noise.degrees) * noise.sd * math.sqrt(1 / len(a) + 1 / len(b))
    return abs(math.fsum(a) / len(a) - math.fsum(b) / len(b)) <= half


def probability_best(
    samples: Sequence[Sequence[float]], noise: Noise, maximize: bool, seed: int = 0
) -> tuple[float, ...]:
    """For each sample the posterior probability that its true mean is the best; they sum to 1.

    Normal model with one common variance and the flat prior p(μ, σ²) ∝ 1/σ² (Gelman et al., Bayesian Data
    Analysis, 3rd ed., section 3.2): σ² ~ scaled inverse χ², μᵢ | σ² ~ N(x̄ᵢ, σ²/nᵢ). `DRAWS` draws from a
    fixed seed, so that the same rows give the same number. A flat prior does not shrink: lucky single seeds
    still look better than they are.
    """
    if not samples:
        return ()
    random = np.random.default_rng(seed)
    sigma = noise.sd * np.sqrt(noise.degrees / random.chisquare(noise.degrees, size=(DRAWS, 1)))  # (draws, 1)
    means = np.array([math.fsum(s) / len(s) for s in samples])
    scale = np.array([1 / math.sqrt(len(s)) for s in samples])
    draws = means + sigma * scale * random.standard_normal((DRAWS, len(samples)))  # (draws, samples)
    winners = np.argmax(draws if maximize else -draws, axis=1)
    counts = np.bincount(winners, minlength=len(samples))
    return tuple(float(c) / DRAWS for c in counts)
