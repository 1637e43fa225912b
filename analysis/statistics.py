"""Intervals over seeds, from textbook formulas only.

Everywhere a run's value = its configuration's mean + independent, roughly normal seed noise. Intervals are 95
%, two-sided and, unless `comparisons` says otherwise, per comparison: so a page states how many points it compared.

A metric that counts (accuracy over 297 images) makes runs equal by chance: a sample without spread says nothing of its
noise. It gets no interval from itself alone; of a difference the seed noise that all configurations of a job share
stands in (`analysis.blocks`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from scipy import special

CONFIDENCE = 0.95  # two-sided
ROUNDING = 1e-9  # of a metric's unit: a smaller spread is the arithmetic's, not the seeds'

Method = Literal["blocked", "welch", "none"]


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
        method: "blocked" (within seeds, `analysis.blocks`), "welch", or "none" (no interval). For Welch, `n` is the
            smaller sample's size.
    """

    method: Method


@dataclass(frozen=True, slots=True)
class Noise:
    """The standard deviation between seeds, pooled over configurations, and its degrees of freedom."""

    sd: float
    degrees: int


@lru_cache(maxsize=4096)  # a curve asks for the same few thousands of times
def t_quantile(degrees: float, comparisons: int = 1) -> float:
    """Student's t at the upper end of the two-sided interval, e.g. 4.303 for 2 degrees of freedom.

    `comparisons` intervals with it hold together with `CONFIDENCE`, however they depend on each other (Bonferroni).
    """
    return float(special.stdtrit(degrees, 1 - (1 - CONFIDENCE) / (2 * comparisons)))


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


def welch_interval(a: Sequence[float], b: Sequence[float], comparisons: int = 1) -> Difference:
    """ā − b̄ with unequal variances: Welch (1947), Satterthwaite's degrees of freedom.

    Assumes two independent normal samples. Without an interval where either has one value, or neither any spread.
    """
    mean = math.fsum(a) / len(a) - math.fsum(b) / len(b)
    n = min(len(a), len(b))
    va, vb = _spread(a) ** 2 / len(a), _spread(b) ** 2 / len(b)
    if n < 2 or va + vb == 0:
        return Difference(mean, None, None, n, "none")
    degrees = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    half = t_quantile(degrees, comparisons) * math.sqrt(va + vb)
    return Difference(mean, mean - half, mean + half, n, "welch")


def _spread(values: Sequence[float]) -> float:
    """The sample's standard deviation; 0 for one value, and where only rounding tells the values apart."""
    n = len(values)
    if n < 2:
        return 0.0
    mean = math.fsum(values) / n
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return sd if sd > ROUNDING else 0.0


def pooled_noise(samples: Sequence[Sequence[float]]) -> Noise | None:
    """√(Σ (nᵢ − 1) sᵢ² / Σ (nᵢ − 1)), as in one-way analysis of variance; None where no sample has two values that
    differ: runs that are equal by chance do not say that there is no noise.

    Assumes that all configurations share one seed noise: what a single-seed point must borrow to be judged at
        all.
    """
    usable = [s for s in samples if len(s) > 1]
    degrees = sum(len(s) - 1 for s in usable)
    if not degrees:
        return None
    squares = math.fsum((len(s) - 1) * _spread(s) ** 2 for s in usable)
    return Noise(math.sqrt(squares / degrees), degrees) if squares else None
