"""Whether masks that move more, or try more weights, make better models: rank correlation at fixed family and sparsity.

ITOP (in-time over-parametrisation; Liu et al., "Do we actually need dense over-parameterization?", ICML 2021) is the
share of maskable weights that were ever active; churn the share of active weights that an update replaces.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.measurement import MaskHistory
from analysis.points import LEVEL_DECIMALS
from sparseift.records import Metric

Measure = Literal["itop", "churn"]
MEASURES: tuple[Measure, ...] = ("itop", "churn")
Z = 1.959964  # normal quantile of a two-sided 95 % interval


@dataclass(frozen=True, slots=True)
class Association:
    """One measure of masks against the metric.

    Attributes:
        correlation, low, high: Spearman's, positive when more goes with better, with its 95 % interval; None where too
            few runs share a family and sparsity or nothing varies.
        runs: that share their family and sparsity with another; groups: of them.
    """

    measure: Measure
    correlation: float | None
    low: float | None
    high: float | None
    runs: int
    groups: int


def associations(histories: Sequence[MaskHistory], metric: Metric) -> tuple[Association, ...]:
    """ITOP's and churn's association with the metric within family and sparsity.

    Ranks are of values less their group's mean, so that what sparsity does to both is no association of theirs; each
    group beyond the first costs a run. The interval is Fisher's z with Bonett and Wright's standard error
    √((1 + ρ²/2) / (n − 3)) (Psychometrika, 2000). Assumes independent runs and a monotone relation that is alike in
    every group. An association is not an effect: schedules were chosen by a search that looked at the metric.
    """
    sign = 1.0 if metric.direction == "maximize" else -1.0
    return tuple(_association(measure, histories, sign) for measure in MEASURES)


def _association(measure: Measure, histories: Sequence[MaskHistory], sign: float) -> Association:
    groups: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for h in histories:
        amount = getattr(h, measure)
        if amount is not None:
            pair = (float(amount), sign * h.value)
            groups.setdefault((h.family, round(h.sparsity, LEVEL_DECIMALS)), []).append(pair)
    shared = [np.array(pairs) for pairs in groups.values() if len(pairs) > 1]
    runs = sum(len(pairs) for pairs in shared)
    free = runs - (len(shared) - 1)  # runs that the groups' means leave
    if free < 5:
        return Association(measure, None, None, None, runs, len(shared))
    centred = np.concatenate([pairs - pairs.mean(axis=0) for pairs in shared])  # (runs, 2)
    if np.ptp(centred, axis=0).min() < 1e-12:
        return Association(measure, None, None, None, runs, len(shared))
    rho = float(np.corrcoef(_ranks(centred[:, 0]), _ranks(centred[:, 1]))[0, 1])
    inside = max(-1 + 1e-9, min(1 - 1e-9, rho))
    half = Z * math.sqrt((1 + inside**2 / 2) / (free - 3))
    return Association(
        measure, rho, math.tanh(math.atanh(inside) - half), math.tanh(math.atanh(inside) + half), runs, len(shared)
    )


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average ranks; differences of rounding are ties."""
    return np.asarray(stats.rankdata(np.round(values, 12)), dtype=np.float64)
