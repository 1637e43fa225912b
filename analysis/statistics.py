"""Intervals over seeds, from textbook formulas only.

Everywhere a run's value = its configuration's mean + independent, roughly normal seed noise. Intervals are 95
%, two-sided and, unless `comparisons` says otherwise, per comparison: so a page states how many points it compared.

A metric that counts (accuracy over 297 images) makes runs equal by chance: a sample without spread says nothing of its
noise. It gets no interval from itself alone, and a difference's standard error is bounded from below by the seed noise
that all configurations of a job share.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

CONFIDENCE = 0.95  # two-sided
ROUNDING = 1e-9  # of a metric's unit: a smaller spread is the arithmetic's, not the seeds'
DRAWS = 20_000  # posterior draws: the Monte Carlo error of a probability is below .004

Method = Literal["paired", "welch", "none"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its 95 % interval, all in the unit of the values.

    Attributes:
        low, high: None where the data cannot give an interval (a single value, or values without spread).
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


def t_quantile(degrees: float, comparisons: int = 1) -> float:
    """Student's t at the upper end of the two-sided interval, e.g. 4.303 for 2 degrees of freedom.

    `comparisons` intervals with it hold together with `CONFIDENCE`, however they depend on each other (Bonferroni).
    """
    return float(stats.t.ppf(1 - (1 - CONFIDENCE) / (2 * comparisons), degrees))


def mean_interval(values: Sequence[float]) -> Estimate:
    """x̄ ± t(n − 1) · s / √n: Student (1908). Assumes independent normal values; holds well for symmetric
    noise. Without an interval where s = 0.

    Raises:
        ValueError: without any value.
    """
    if not values:
        raise ValueError("mean_interval needs at least one value; it got none.")
    n = len(values)
    mean = math.fsum(values) / n
    error = _spread(values) / math.sqrt(n)
    if not error:
        return Estimate(mean, None, None, n)
    half = t_quantile(n - 1) * error
    return Estimate(mean, mean - half, mean + half, n)


def paired_interval(differences: Sequence[float], noise: Noise | None = None, comparisons: int = 1) -> Difference:
    """The mean of n within-seed differences and Student's interval on it. Assumes normal *differences*.

    With the job's seed `noise` σ the standard error is at least σ / √n, which then has the noise's own degrees of
    freedom. Of independent runs it would be √2 · σ / √n: the bound assumes one noise for all configurations, and that
    sharing a seed takes at most half of a difference's variance away. Where it takes more, the interval is too wide.
    """
    n = len(differences)
    mean = math.fsum(differences) / n
    if n < 2:
        return Difference(mean, None, None, n, "none")
    error = _spread(differences) / math.sqrt(n)
    half = max(t_quantile(n - 1, comparisons) * error, _least_half(noise, n, comparisons))
    if not half:
        return Difference(mean, None, None, n, "none")
    return Difference(mean, mean - half, mean + half, n, "paired")


def welch_interval(
    a: Sequence[float], b: Sequence[float], noise: Noise | None = None, comparisons: int = 1
) -> Difference:
    """ā − b̄ with unequal variances: Welch (1947), Satterthwaite's degrees of freedom.

    Assumes two independent normal samples. Without an interval where either has one value. With the job's seed
    `noise` σ the standard error is bounded as that of `paired_interval`, n being the smaller sample's size.
    """
    mean = math.fsum(a) / len(a) - math.fsum(b) / len(b)
    n = min(len(a), len(b))
    if n < 2:
        return Difference(mean, None, None, n, "none")
    half = _least_half(noise, n, comparisons)
    va, vb = _spread(a) ** 2 / len(a), _spread(b) ** 2 / len(b)
    if va + vb > 0:
        degrees = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
        half = max(half, t_quantile(degrees, comparisons) * math.sqrt(va + vb))
    if not half:
        return Difference(mean, None, None, n, "none")
    return Difference(mean, mean - half, mean + half, n, "welch")


def difference(
    a: Mapping[int, float], b: Mapping[int, float], noise: Noise | None = None, comparisons: int = 1
) -> Difference:
    """a − b from values by seed: paired where every seed of `a` was also run for `b` (two or more), else
    Welch.

    Pairing takes out what the seed does to both alike (order of batches, data noise); where it does nothing,
    the paired interval is still valid, only wider.

    Args:
        a, b: values by seed.
        noise: the job's seed noise, which bounds the standard error from below.
        comparisons: how many differences the interval must hold for together, this one being picked from them.
    """
    if len(a) > 1 and a.keys() <= b.keys():
        return paired_interval([a[seed] - b[seed] for seed in sorted(a)], noise, comparisons)
    return welch_interval(list(a.values()), list(b.values()), noise, comparisons)


def _least_half(noise: Noise | None, n: int, comparisons: int) -> float:
    """The half width of an interval with the standard error σ / √n; 0 where no noise could be pooled."""
    return t_quantile(noise.degrees, comparisons) * noise.sd / math.sqrt(n) if noise and noise.sd else 0.0


def _spread(values: Sequence[float]) -> float:
    """The sample's standard deviation; 0 for one value, and where only rounding tells the values apart."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return sd if sd > ROUNDING else 0.0


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
    squares = math.fsum((len(s) - 1) * _spread(s) ** 2 for s in usable)
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
