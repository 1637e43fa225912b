"""Which larger dense model a sparse one equals: the dense-equivalent multiplier of FLOPs.

The dense baseline and its ladder give the dense metric as a polynomial in log2 FLOPs: a line through two sizes, a
parabola through three or more, by least squares over the sizes' means. The multiplier is where that curve reaches the
sparse point. Its interval holds every multiple at which curve and point cannot be told apart: the inversion of an exact
t-test (Fieller, "Some problems in interval estimation", JRSS B, 1954), whose ends need not lie symmetrically, or exist.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analysis.blocks import residual_noise
from analysis.measurement import Measurement
from analysis.points import ISO_FLOP_TOLERANCE, ROUNDING, CurvePoint, reported
from analysis.statistics import Noise, mean_interval, pooled_noise, t_quantile
from sparseift.records import DENSE, Metric

STEPS = 1200  # of the search for the interval's ends, over the measured range of log2 FLOPs
HIGHEST_DEGREE = 2  # of the polynomial

Floats = NDArray[np.float64]
Reason = Literal[
    "", "too_few_dense_sizes", "not_monotone", "no_noise", "below_range", "level_with_largest", "above_range",
    "not_iso_flop",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class DenseSize:
    """One dense model.

    Attributes:
        flop_multiple: its forward FLOPs over the baseline's, as counted.
        mean, low, high: validation metric with the 95 % interval of its own seeds alone.
        runs: by seed.
    """

    flop_multiple: float
    mean: float
    low: float | None
    high: float | None
    runs: dict[int, float]


@dataclass(frozen=True, slots=True)
class Multiplier:
    """The dense-equivalent multiplier of one sparse point.

    Attributes:
        value: the dense model of so many times the FLOPs has the same metric; None with the `reason`.
        low, high: 95 % interval that holds for all multipliers of the answer together (Bonferroni); None where that end
            lies beyond the dense models that were trained.
        reason: "" with a value; else a stable word, and `message` the sentence.
    """

    key: str
    family: str
    sparsity: float
    confirmed: bool
    value: float | None
    low: float | None
    high: float | None
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class EquivalenceAnswer:
    """Dense scaling and what each sparse point equals on it.

    Attributes:
        sizes: dense models by FLOPs; coefficients: of the metric in powers of log2(FLOPs over the baseline's), constant
            first; empty below two sizes.
        gain_per_doubling: of the metric from the baseline's FLOPs on, positive when better; None without a fit.
        lack_of_fit: p-value of the F-test that the curve misses the sizes' means; None unless sizes outnumber
            coefficients.
        multipliers: one per family's best, in the order given.
        intervals: how many hold together.
        residual_sd, degrees: of the noise that the intervals rest on.
    """

    metric: Metric
    sizes: tuple[DenseSize, ...]
    coefficients: tuple[float, ...]
    gain_per_doubling: float | None
    is_monotone: bool
    lack_of_fit: float | None
    multipliers: tuple[Multiplier, ...]
    intervals: int
    residual_sd: float | None
    degrees: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def dense_sizes(measurements: Sequence[Measurement]) -> tuple[DenseSize, ...]:
    """The dense baseline and the ladder, smallest first; of each the runs that a curve reports.

    What has equal FLOPs is one size: widths are whole numbers, so that near rungs may share one, or be the baseline.
    """
    groups: dict[str, list[Measurement]] = {}
    for m in measurements:
        if m.family == DENSE:
            groups.setdefault(m.configuration_key if m.kind == "ladder" else DENSE, []).append(m)
    found: list[tuple[float, dict[int, float]]] = []
    counted = [
        (_multiple(runs), key != DENSE, key, runs) for key, rows in groups.items() for runs in [reported(rows)[1]]
    ]
    for multiple, _, _, runs in sorted(counted, key=lambda c: c[:3]):  # of equal ones the baseline first
        values = {r.seed: r.value for r in runs}
        if found and is_one_size(found[-1][0], multiple):
            values = {**values, **found[-1][1]}  # a seed's runs of one model are one run, made twice
            found[-1] = (found[-1][0], {seed: values[seed] for seed in sorted(values)})
        else:
            found.append((multiple, values))
    estimates = [mean_interval(list(values.values())) for _, values in found]
    return tuple(DenseSize(m, e.mean, e.low, e.high, v) for (m, v), e in zip(found, estimates, strict=True))


def _multiple(runs: Sequence[Measurement]) -> float:
    return sum(r.flop_ratio for r in runs) / len(runs)


def is_one_size(first: float, second: float) -> bool:
    """Whether two multiples of the baseline's FLOPs are equal."""
    return abs(first - second) <= ISO_FLOP_TOLERANCE * first + ROUNDING


def equivalence(sizes: Sequence[DenseSize], points: Sequence[CurvePoint], metric: Metric) -> EquivalenceAnswer:
    """The multiplier of each point.

    Assumes normal noise of one variance for every model; where all ran on the same seeds, less what a seed does to all
    alike (`blocks.residual_noise`). Assumes that the parabola follows the dense models between the measured sizes
    (`lack_of_fit`). Over two octaves it is within .02 points of a power law such as 80 − 20 · FLOPs^−.3.
    """
    sign = 1.0 if metric.direction == "maximize" else -1.0
    fit = _fit(sizes, sign)
    noise = _noise(sizes, points)
    count = max(1, sum(p.iso_flop for p in points))
    multipliers = tuple(_multiplier(p, fit, sizes, points, sign, count) for p in points)
    if fit is None:
        return EquivalenceAnswer(metric, tuple(sizes), (), None, False, None, multipliers, count, *_parts(noise))
    return EquivalenceAnswer(
        metric=metric,
        sizes=tuple(sizes),
        coefficients=tuple(float(sign * c) for c in fit.coefficients),
        gain_per_doubling=float(fit.coefficients[1]),
        is_monotone=fit.is_monotone,
        lack_of_fit=_lack_of_fit(fit, sizes, sign),
        multipliers=multipliers,
        intervals=count,
        residual_sd=noise.sd if noise else None,
        degrees=noise.degrees if noise else 0,
    )


@dataclass(frozen=True, slots=True)
class _Fit:
    """value = Σ cᵢ uⁱ, u = log2 FLOPs, higher is better; `covariance` in units of a run's variance."""

    places: Floats  # u of each size
    coefficients: Floats
    covariance: Floats

    @property
    def is_monotone(self) -> bool:
        slope = np.polynomial.polynomial.polyder(self.coefficients)
        return bool(np.all(np.polynomial.polynomial.polyval(self.places[[0, -1]], slope) > 0))  # linear at most


def _design(places: Floats, terms: int) -> Floats:
    return np.vander(places, terms, increasing=True)


def _fit(sizes: Sequence[DenseSize], sign: float) -> _Fit | None:
    multiples = [s.flop_multiple for s in sizes]
    distinct = 1 + sum(not is_one_size(*pair) for pair in pairwise(multiples))
    if distinct < 2:
        return None
    places = np.log2(np.array(multiples, dtype=np.float64))
    design = _design(places, min(HIGHEST_DEGREE + 1, distinct))
    weights = np.array([len(s.runs) for s in sizes], dtype=float)  # runs behind each mean
    covariance = np.linalg.inv(design.T @ (weights[:, None] * design))
    coefficients: Floats = covariance @ design.T @ (weights * sign * np.array([s.mean for s in sizes]))
    return _Fit(places, coefficients, np.asarray(covariance, dtype=np.float64))


def _noise(sizes: Sequence[DenseSize], points: Sequence[CurvePoint]) -> Noise | None:
    runs: list[Mapping[int, float]] = [s.runs for s in sizes]
    runs += [dict(zip(p.seeds, p.values, strict=True)) for p in points]
    if len({tuple(sorted(r)) for r in runs}) == 1:
        # Every model on the same seeds: the fitted curve's weights sum to one, so that seeds cancel in its difference.
        shared = residual_noise(runs)
        if shared is not None:
            return shared
    found = pooled_noise([list(r.values()) for r in runs])
    return found if found is not None and found.sd > 0 else None


def _parts(noise: Noise | None) -> tuple[float | None, int]:
    return (noise.sd, noise.degrees) if noise else (None, 0)


def _multiplier(
    point: CurvePoint,
    fit: _Fit | None,
    sizes: Sequence[DenseSize],
    points: Sequence[CurvePoint],
    sign: float,
    count: int,
) -> Multiplier:
    def answer(
        reason: Reason, message: str = "", found: tuple[float, float | None, float | None] | None = None
    ) -> Multiplier:
        value, low, high = found or (None, None, None)
        key = point.configuration_key
        return Multiplier(key, point.family, point.sparsity, point.confirmed, value, low, high, reason, message)

    if not point.iso_flop:
        return answer("not_iso_flop", f"Its FLOPs are {point.flop_ratio:.4f} of dense's; it must be within 0.1 %.")
    if fit is None:
        return answer(
            "too_few_dense_sizes", f"Dense sizes with a result: {len(sizes)}; two are needed, as by a ladder."
        )
    if not fit.is_monotone:
        return answer("not_monotone", "More FLOPs do not make the dense model better over the whole range measured.")
    noise = _noise(sizes, [point]) if len({p.seeds for p in points}) > 1 else _noise(sizes, points)
    if noise is None:
        return answer("no_noise", "No configuration has two runs that differ, so no interval can be given.")
    largest = f"{2 ** fit.places[-1]:.2f}× the baseline's FLOPs"
    target = sign * point.mean
    grid = np.linspace(fit.places[0], fit.places[-1], STEPS + 1)
    design = _design(grid, len(fit.coefficients))
    curve = design @ fit.coefficients
    if target < curve[0]:
        return answer("below_range", "It is not better than the smallest dense model of the fit.")
    of_fit, degrees = _fit_noise(np.einsum("ij,jk,ik->i", design, fit.covariance, design), noise, sizes, point)
    error = np.sqrt(noise.sd**2 / len(point.values) + of_fit)
    excess = np.abs(target - curve) - t_quantile(degrees, count) * error  # ≤ 0: cannot be told apart
    if target > curve[-1]:
        if excess[-1] > 0:
            return answer("above_range", f"It is better than the largest dense model, at {largest}.")
        return answer("level_with_largest", f"Noise does not separate it from the largest dense model, at {largest}.")
    value = float(np.interp(target, curve, grid))
    place = int(np.searchsorted(grid, value))
    low, high = _end(grid, excess, max(0, place - 1), -1), _end(grid, excess, place, 1)
    return answer("", "", (2**value, None if low is None else 2**low, None if high is None else 2**high))


def _fit_noise(leverage: Floats, noise: Noise, sizes: Sequence[DenseSize], point: CurvePoint) -> tuple[Floats, float]:
    """The variance of the fitted curve at each place, and the degrees of freedom of the whole.

    Beside a point on other seeds, what seeds do to every size alike stays in the curve whole, however many sizes there
    are, and each size's spread between seeds repeats it: k equal spreads with a correlation r are worth
    k / (1 + (k − 1) r²) of them. Beside one on the same seeds it cancels (`_noise`).
    """
    seeds = {tuple(sorted(s.runs)) for s in sizes}
    alone: Floats = noise.sd**2 * leverage
    if len(seeds) > 1 or seeds == {tuple(sorted(point.seeds))}:
        return alone, noise.degrees
    runs, k = len(sizes[0].runs), len(sizes)
    within = residual_noise([s.runs for s in sizes])
    if within is None:
        return np.maximum(alone, noise.sd**2 / runs), noise.degrees
    common = max(0.0, noise.sd**2 - within.sd**2)  # the seeds' part of the variance between runs of one model
    share = common / noise.sd**2
    degrees = noise.degrees - k * (runs - 1) * (1 - 1 / (1 + (k - 1) * share**2))
    return min(within.sd, noise.sd) ** 2 * leverage + common / runs, degrees


def _end(grid: Floats, excess: Floats, start: int, step: int) -> float | None:
    """Where `excess` first rises above zero on the way from `start`, beside the estimate; None where it does not."""
    i = start
    while 0 <= i < len(grid):
        if excess[i] > 0:
            before = i - step
            if not 0 <= before < len(grid) or excess[before] > 0:
                return float(grid[i])
            share = -excess[before] / (excess[i] - excess[before])
            return float(grid[before] + share * (grid[i] - grid[before]))
        i += step
    return None


def _lack_of_fit(fit: _Fit, sizes: Sequence[DenseSize], sign: float) -> float | None:
    spare = len(sizes) - len(fit.coefficients)
    noise = _noise(sizes, [])
    if spare < 1 or noise is None:
        return None
    from scipy.stats import f

    misses = sign * np.array([s.mean for s in sizes]) - _design(fit.places, len(fit.coefficients)) @ fit.coefficients
    squares = math.fsum(len(s.runs) * float(m) ** 2 for s, m in zip(sizes, misses, strict=True))
    return float(f.sf(squares / spare / noise.sd**2, spare, noise.degrees))
