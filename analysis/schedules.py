"""What a change of the mask schedule does at fixed family, sparsity and seed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.measurement import Measurement
from analysis.points import LEVEL_DECIMALS
from analysis.statistics import ROUNDING, t_quantile
from sparseift.records import DENSE, Metric

CHOICES = ("method", "distribution", "anneal", "structure")  # fields of a schedule that are compared in pairs
AMOUNTS = {"delta_t_steps": "per doubling", "drop_fraction": "per 0.1", "t_end_fraction": "per 0.1"}


@dataclass(frozen=True, slots=True)
class ScheduleEffect:
    """One change of one parameter.

    Attributes:
        parameter: a field of `MaskSchedule`.
        change: "rigl against static", or "per doubling" of an amount.
        effect, low, high: on the metric, in its unit, positive when better, with the 95 % interval that holds for all
            effects of the answer together (Bonferroni). The interval is None where cells leave no degree of freedom.
        cells: combinations of family, sparsity and seed within which it varied. runs: in them.
    """

    parameter: str
    change: str
    effect: float
    low: float | None
    high: float | None
    cells: int
    runs: int


@dataclass(frozen=True, slots=True)
class _Run:
    cell: tuple[Any, ...]
    schedule: Mapping[str, Any]
    value: float


def schedule_effects(
    measurements: Sequence[Measurement], configurations: Mapping[str, Mapping[str, Any]], metric: Metric
) -> tuple[ScheduleEffect, ...]:
    """Every effect that some cell shows, by parameter.

    The within estimator (fixed effects of cells; Wooldridge, Econometric Analysis, 2nd ed., section 10.5): each value
    and each amount less its cell's mean, then least squares through the origin. With one run of each of two choices per
    cell it is the paired t-test. Amounts are compared among runs of one method. Assumes normal noise of one variance
    and an effect that is the same in every cell; other parameters that vary within cells are noise to it, as a search
    that draws them at random makes them.

    Args:
        configurations: canonical configurations by key; runs without one are left out.
    """
    sign = 1.0 if metric.direction == "maximize" else -1.0
    runs = []
    for m in measurements:
        schedule = configurations.get(m.configuration_key, {}).get("schedule")
        if m.family != DENSE and schedule:
            runs.append(_Run((m.family, round(m.sparsity, LEVEL_DECIMALS), m.seed), schedule, sign * m.value))
    tested = [*_choices(runs), *_amounts(runs)]
    usable = [(name, change, chosen, x) for name, change, chosen, x in tested if _varies(chosen, x)]
    return tuple(_effect(name, change, chosen, x, len(usable)) for name, change, chosen, x in usable)


_Test = tuple[str, str, list[_Run], list[float]]


def _choices(runs: Sequence[_Run]) -> list[_Test]:
    found: list[_Test] = []
    for name in CHOICES:
        named = [r for r in runs if name in r.schedule]
        for first, second in combinations(sorted({str(r.schedule[name]) for r in named}), 2):
            chosen = [r for r in named if r.schedule[name] in (first, second)]
            found.append(
                (name, f"{first} against {second}", chosen, [float(r.schedule[name] == first) for r in chosen])
            )
    return found


def _amounts(runs: Sequence[_Run]) -> list[_Test]:
    found: list[_Test] = []
    for name, unit in AMOUNTS.items():
        chosen = [_Run((*r.cell, r.schedule["method"]), r.schedule, r.value) for r in runs if name in r.schedule]
        x = [math.log2(r.schedule[name]) if unit == "per doubling" else 10.0 * r.schedule[name] for r in chosen]
        found.append((name, unit, chosen, x))
    return found


def _varies(runs: Sequence[_Run], x: Sequence[float]) -> bool:
    return bool(runs) and bool(np.abs(_within(runs, np.array(x))).max() > 1e-9)


def _within(runs: Sequence[_Run], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values less their cells' means."""
    _, cells = np.unique([repr(r.cell) for r in runs], return_inverse=True)
    means = np.bincount(cells, values) / np.bincount(cells)
    return np.asarray(values - means[cells], dtype=np.float64)


def _effect(name: str, change: str, runs: Sequence[_Run], x: Sequence[float], tests: int) -> ScheduleEffect:
    within_x = _within(runs, np.array(x))
    informative = {r.cell for r, moved in zip(runs, within_x, strict=True) if abs(moved) > 1e-9}
    kept = [i for i, r in enumerate(runs) if r.cell in informative]
    dx = within_x[kept]
    dy = _within(runs, np.array([r.value for r in runs]))[kept]
    slope = float(dx @ dy / (dx @ dx))
    degrees = len(kept) - len(informative) - 1
    low = high = None
    if degrees > 0:
        squares = float(((dy - slope * dx) ** 2).sum())
        half = t_quantile(degrees, tests) * math.sqrt(squares / degrees / float(dx @ dx))
        if half > ROUNDING:
            low, high = slope - half, slope + half
    return ScheduleEffect(name, change, slope, low, high, len(informative), len(kept))
