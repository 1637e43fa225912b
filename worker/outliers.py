"""How bad a run may count: one that diverged, and ended with a number all the same, must not rule a search.

A Gaussian process standardises by the spread of all runs and takes each at its word: after one loss of 1e5 among losses
near 1.7 all the others are one tie to it. So losses are winsorised on their bad side, within each family and by the
spread that the job's families show together: a family of a few runs says little of its own.

The spread is Rousseeuw and Croux's Qₙ ("Alternatives to the median absolute deviation", JASA 1993): the lower quartile
of the distances between two runs of a family, so nearly half of the runs may be outliers. Distances of 0 are left out,
or a metric that counts would have no spread and every difference would be an outlier.
"""

from collections.abc import Mapping, Sequence

import numpy as np

NORMAL = 2.2219  # Qₙ's constant: what makes it the standard deviation of normal values
FAR = 7.0  # spreads above a lower quartile: of 3 to 10 the least with which clean surfaces are answered no worse
LATEST = 256  # runs of a family, the last ones, that the spread is taken from: the cost of more is quadratic


def limits(losses: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """For each family the loss that a worse one counts as: `FAR` spreads above the lower quartile of its losses.

    Infinite where all runs of every family are equal or alone: then nothing says what is far.

    Args:
        losses: of each family's runs, lower is better, finite; no family is empty.
    """
    pairs = [_distances(np.array(values[-LATEST:], dtype=np.float64)) for values in losses.values()]
    distances = np.sort(np.concatenate(pairs)) if pairs else np.array([])
    if not distances.size:
        return dict.fromkeys(losses, np.inf)
    reach = FAR * NORMAL * float(distances[(distances.size - 1) // 4])
    return {family: sorted(values)[(len(values) - 1) // 4] + reach for family, values in losses.items()}


def _distances(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Between every two that are not equal."""
    first, second = np.triu_indices(len(values), k=1)
    apart = np.abs(values[first] - values[second])
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = apart[apart > 0]
    return found
