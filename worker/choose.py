"""Which configuration of a family is trained again on fresh seeds: the best by a smooth fit, not a lucky seed.

A Gaussian process over the search's own axes pools neighbours, so that one lucky run does not win by itself. Only
the order of its means is used, so its two hyper-parameters come from a small grid, by marginal likelihood.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sparseift.records import Configuration, Plan, Space
from worker.space import indices

LENGTH_SCALES = (0.25, 0.5, 1.0, 2.0)  # in units of an axis's full range
NOISE_RATIOS = (0.1, 0.3, 1.0, 3.0)  # variance of a seed over variance of the surface
FEWEST = 4  # distinct configurations below which means are compared as they are

Floats = NDArray[np.float64]


def features(space: Space, plan: Plan, configurations: Sequence[Configuration]) -> Floats:
    """Coordinates in [0, 1], (configurations, axes): ordered axes by index, others one-hot, absent ones .5."""
    found = [indices(space, plan, c) for c in configurations]
    axes = sorted({axis for f in found for axis in f}, key=lambda axis: axis.name)
    columns: list[list[float]] = []
    for axis in axes:
        top = len(axis.values) - 1
        if axis.ordered:
            columns.append([f[axis] / top if axis in f else 0.5 for f in found])
        else:
            columns += [[float(f.get(axis) == i) for f in found] for i in range(top + 1)]
    return np.array(columns, dtype=np.float64).reshape(len(columns), len(configurations)).T


def smooth(points: Floats, means: Floats, seeds: Floats) -> Floats:
    """The posterior mean at each of `points` (n, axes) of a Gaussian process fitted to means of `seeds` runs."""
    centre, spread = float(np.average(means, weights=seeds)), float(np.std(means)) or 1.0
    targets = (means - centre) / spread
    squared = ((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=2)  # (n, n)
    best, answer = -np.inf, means
    for length in LENGTH_SCALES:
        kernel = np.exp(-squared / (2 * length**2))
        for ratio in NOISE_RATIOS:
            covariance = (kernel + np.diag(ratio / seeds)) / (1 + ratio)
            factor = np.linalg.cholesky(covariance)
            weights = np.linalg.solve(covariance, targets)
            likelihood = -0.5 * float(targets @ weights) - float(np.log(np.diag(factor)).sum())
            if likelihood > best:
                best, answer = likelihood, centre + spread * (kernel / (1 + ratio)) @ weights
    return answer


def choose(space: Space, plan: Plan, measured: Sequence[tuple[Configuration, float]]) -> Configuration | None:
    """The configuration of one family to confirm; None where nothing was measured. Ties go to the earlier one.

    `measured` holds (configuration, validation metric) of each complete search trial of the family, by number.
    """
    values: dict[Configuration, list[float]] = {}
    for configuration, value in measured:
        values.setdefault(configuration, []).append(value)
    if not values:
        return None
    configurations = list(values)
    means = np.array([np.mean(v) for v in values.values()])
    if len(configurations) >= FEWEST:
        seeds = np.array([float(len(v)) for v in values.values()])
        means = smooth(features(space, plan, configurations), means, seeds)
    index = int(np.argmax(means) if plan.metric.direction == "maximize" else np.argmin(means))
    return configurations[index]
