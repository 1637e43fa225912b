"""A job's runs as sums: what configurations on the same seeds say of the seeds, of noise, and of their own means.

The model is that of `analysis.blocks`. Its likelihood falls into that of the differences within configurations, which
hold seeds and noise alone, and that of configurations' means, independent of them.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.statistics import ROUNDING

Floats = NDArray[np.float64]
Runs = Mapping[int, float]  # metric by seed, higher is better

MOST_SEEDS = 48  # whose common effects are told apart: those with most configurations


@dataclass(frozen=True, slots=True)
class Group:
    """Configurations of one family on the same seeds.

    Attributes:
        family: index; 0 is the one asked for. members: indices of the configurations within their family.
        means: of their runs, less the mean of the family's, (members,).
        runs: of each. weights: of the seeds in a mean, (seeds,).
        is_apart: on seeds of their own, whose common effects no other run shares: they are noise.
    """

    family: int
    members: tuple[int, ...]
    means: Floats
    runs: int
    weights: Floats
    is_apart: bool

    def noise(self, ratio: Floats) -> Floats:
        """The variance of a mean over that of a run's own noise, with seeds' effects `ratio` times as wide."""
        return (1 + ratio**2 if self.is_apart else np.ones_like(ratio)) / self.runs


@dataclass(frozen=True, slots=True)
class Sums:
    """All that the model needs of a job.

    Attributes:
        contrasts: the information that differences within configurations have on seeds' effects, over 1/σ²; (seeds,
            seeds). weighted: what it is weighted with, (seeds,). squares: of those differences. degrees: of freedom.
        own_squares, own_degrees: of the configurations on seeds of their own.
    """

    groups: tuple[Group, ...]
    families: int
    contrasts: Floats
    weighted: Floats
    squares: float
    own_squares: float
    shared_degrees: int
    own_degrees: int

    @property
    def degrees(self) -> int:
        """Of freedom within configurations."""
        return self.shared_degrees + self.own_degrees

    @property
    def spread(self) -> float:
        """The standard deviation within configurations; 0 where there is none but rounding's."""
        sd = math.sqrt((self.squares + self.own_squares) / self.degrees) if self.degrees else 0.0
        return sd if sd > ROUNDING else 0.0

    def variances(self, ratios: Floats) -> Floats:
        """The variance of a run's own noise, as the differences within configurations have it, for each ratio."""
        found = self.squares + self.own_squares / (1 + ratios**2)
        if len(self.contrasts):
            values, vectors = np.linalg.eigh(self.contrasts)
            along = (self.weighted @ vectors) ** 2
            found = found - (along / (values + 1 / ratios[:, None] ** 2)).sum(axis=1)
        return np.maximum(found, 1e-12 * (self.squares + self.own_squares)) / self.degrees


def sums(family: Sequence[Runs], others: Sequence[Sequence[Runs]], dense: Sequence[Runs]) -> Sums:
    """The sums of a job.

    Of a configuration that shares seeds with others, runs on seeds beyond `MOST_SEEDS` are left out; one that has no
    others counts as on seeds of its own.
    """
    families = [list(f) for f in (family, *others) if f]
    every = [runs for f in families for runs in f] + list(dense)
    count = Counter(seed for runs in every for seed in runs)
    linked = {seed for runs in every if any(count[s] > 1 for s in runs) for seed in runs}
    kept = sorted(linked, key=lambda seed: (-count[seed], seed))[:MOST_SEEDS]
    column = {seed: i for i, seed in enumerate(kept)}
    contrasts, weighted = np.zeros((len(kept), len(kept))), np.zeros(len(kept))
    squares, degrees = [0.0, 0.0], [0, 0]
    for runs in every:
        values, places, is_apart = _cut(runs, column)
        if len(values) > 1:
            centred = np.array(values) - math.fsum(values) / len(values)
            squares[is_apart] += float(centred @ centred)
            degrees[is_apart] += len(values) - 1
            if not is_apart:
                weighted[places] += centred
                contrasts[np.ix_(places, places)] += np.eye(len(places)) - 1 / len(places)
    groups = [group for i, f in enumerate(families) for group in _groups(i, f, column)]
    (shared, own), (shared_degrees, own_degrees) = squares, degrees
    return Sums(tuple(groups), len(families), contrasts, weighted, shared, own, shared_degrees, own_degrees)


def _cut(runs: Runs, column: Mapping[int, int]) -> tuple[list[float], list[int], bool]:
    """The values that count, their seeds' columns, and whether the seeds are its own."""
    places = [column[seed] for seed in runs if seed in column]
    if not places:
        return list(runs.values()), [], True
    return [value for seed, value in runs.items() if seed in column], places, False


def _groups(index: int, family: Sequence[Runs], column: Mapping[int, int]) -> list[Group]:
    found: dict[tuple[bool, int, tuple[int, ...]], tuple[list[int], list[float]]] = {}
    for i, runs in enumerate(family):
        values, places, is_apart = _cut(runs, column)
        members, means = found.setdefault((is_apart, len(values), tuple(sorted(places))), ([], []))
        members.append(i)
        means.append(math.fsum(values) / len(values))
    middle = math.fsum(m for _, means in found.values() for m in means) / len(family)
    groups = []
    for (is_apart, runs_of_each, seen), (members, means) in found.items():
        weights = np.zeros(len(column))
        weights[list(seen)] = 1 / runs_of_each
        groups.append(Group(index, tuple(members), np.array(means) - middle, runs_of_each, weights, is_apart))
    return groups
