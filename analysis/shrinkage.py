"""The probability that a point is the best, when most of the spread between points may be luck.

With a flat prior ten equal points of which one had a lucky seed give that one a probability near one half. Here the
points' true means have a common distribution whose width the data choose, so that they are drawn together as far as
noise explains their spread (Gelman et al., Bayesian Data Analysis, 3rd ed., sections 5.4 and 5.7: normal hierarchical
model, uniform prior on the width). What a seed does to all runs alike is drawn from a distribution of its own, whose
width the data choose too: runs on one seed are compared without it, runs on others with what is known of it (Yates,
"The recovery of inter-block information in balanced incomplete block designs", Annals of Eugenics, 1940).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.seeds import Group, Sums, sums

Floats = NDArray[np.float64]
Runs = Mapping[int, float]  # metric by seed, higher is better

SHARES = 8  # of a run's variance about its configuration, that its seed's common effect may have: a grid over [0, 1)
WIDTHS = 24  # of the means' distribution: a grid that is finer towards 0
WIDEST = 4.0  # of the means' spread, or of the noise of a mean where that is larger
OTHERS = (0.25, 0.7, 2.0, 6.0, 16.0)  # widths of the other families' means, over a run's own noise: log-uniform
MOST_DRAWS, FEWEST_DRAWS = 4000, 250  # the Monte Carlo error of a probability is below .01, with hundreds below .02
NUMBERS = 400_000  # that are drawn at most, within these bounds
NEGLIGIBLE = 1e-9  # of the largest cell's probability


@dataclass(frozen=True, slots=True)
class Belief:
    """What is known of one family's true means: draws of all that they have in common.

    Attributes:
        groups: configurations whose runs are on the same seeds.
        sigma: a run's own noise, (draws,). kappa: the width of the means' distribution over it.
        ratio: the width of the seeds' common effects over it. centre: of the means. effects: of the seeds,
            (draws, seeds).
    """

    groups: tuple[Group, ...]
    configurations: int
    sigma: Floats
    kappa: Floats
    ratio: Floats
    centre: Floats
    effects: Floats

    def _given(self, group: Group) -> tuple[Floats, Floats, Floats]:
        """Of a group's true means, given a draw: a + keep · observed, and their standard deviation; each (draws,)."""
        noise = group.noise(self.ratio)
        keep = self.kappa**2 / (self.kappa**2 + noise)  # the share of a deviation that is believed
        shift = self.centre - keep * (self.centre + self.effects @ group.weights)
        return shift, keep, self.sigma * np.sqrt(keep * noise)

    def _of(self, index: int) -> tuple[Floats, Floats]:
        group = next(g for g in self.groups if index in g.members)
        shift, keep, sd = self._given(group)
        return shift + keep * group.means[group.members.index(index)], sd

    def chance(self, index: int) -> float:
        """The posterior probability that this true mean is the best of all.

        Given all that a draw holds and its rivals' means it is Φ of the distance to the best of them.
        """
        if self.configurations == 1:
            return 1.0
        random = np.random.default_rng(1)
        best = np.full(len(self.sigma), -np.inf)
        for group in self.groups:
            rivals = group.means[[m != index for m in group.members]].astype(np.float32)
            if rivals.size:
                shift, keep, sd = self._given(group)
                drawn = random.standard_normal((len(best), rivals.size), dtype=np.float32)
                drawn *= sd.astype(np.float32)[:, None]
                drawn += keep.astype(np.float32)[:, None] * rivals
                best = np.maximum(best, drawn.max(axis=1) + shift)
        mean, sd = self._of(index)
        return float(special.ndtr((mean - best) / sd).mean())

    def better_than(self, index: int) -> Floats:
        """For each configuration the posterior probability that its true mean is better than this one's; (n,)."""
        mean, own = self._of(index)
        found = np.empty(self.configurations)
        for group in self.groups:
            shift, keep, sd = self._given(group)
            gap = (shift - mean)[:, None] + keep[:, None] * group.means  # (draws, members)
            found[list(group.members)] = special.ndtr(gap / np.hypot(sd, own)[:, None]).mean(axis=0)
        found[index] = 0.0
        return found


def believe(family: Sequence[Runs], others: Sequence[Sequence[Runs]] = (), dense: Sequence[Runs] = ()) -> Belief | None:
    """What all runs of a job say of one family's true means.

    Assumes value = configuration + seed + independent normal noise, with one variance σ² for all (p(σ²) ∝ 1/σ²), seeds'
    effects that are normal about 0 and alike for all configurations, with a share r of the variance (p(r) = 2 (1 − r):
    unlike networks have little in common on one seed, but runs may say otherwise), and true means that are exchangeable
    and normal within each family: with a width of its own (uniform) for the one asked for, one for all others.
    The search that chose what was confirmed saw no more than these runs, so that its choice needs no allowance of
    its own. Calibrated on average over jobs whose points differ as much as they do here, at whatever scale, once the
    best are confirmed. Before that a family's configurations share one seed, whose effect nothing tells from noise: the
    probability is up to .13 too high where seeds do nothing, .07 too low where they do three times as much as noise
    (`tests/analysis/test_shrinkage.py` has the simulations). Draws come from a fixed seed.

    Args:
        others: the other families'; dense: what belongs to none. They say what seeds do, and how large noise is.

    Returns:
        None where no configuration has two runs that differ.
    """
    data = sums(family, others, dense)
    if not data.spread:
        return None
    own = [g for g in data.groups if g.family == 0]
    means = np.concatenate([g.means for g in own])
    draws = min(MOST_DRAWS, max(FEWEST_DRAWS, NUMBERS // len(means)))
    random = np.random.default_rng(0)
    ratio, other, kappa, prior = _grid(data, own, means)
    precision, weighted, squares, logs = _cells(data, ratio, other, kappa)
    factor = np.linalg.cholesky(precision)  # (cells, unknowns, unknowns)
    half = np.linalg.solve(factor, weighted[:, :, None])[:, :, 0]
    squares = squares - (half**2).sum(axis=1)
    degrees = data.degrees + sum(len(g.members) for g in data.groups) - data.families - 1
    logs = logs - np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1) - degrees / 2 * np.log(squares)
    weights = prior * np.exp(logs - logs.max())
    weights /= weights.sum()
    # Systematic sampling: as many draws of each cell as its weight says, to one.
    chosen = np.searchsorted(np.cumsum(weights), (np.arange(draws) + 0.5) / draws).clip(max=len(weights) - 1)
    used, cell = np.unique(random.permutation(chosen), return_inverse=True)
    cell = random.permutation(cell)
    evenly = random.permutation((np.arange(draws) + 0.5) / draws)
    chi2 = 2 * special.gammaincinv(degrees / 2, evenly)
    sigma = np.sqrt(squares[used][cell] / chi2)
    inverse = np.linalg.inv(factor[used])
    middle = np.einsum("cji,cj->ci", inverse, half[used])
    drawn = random.standard_normal((draws, precision.shape[-1]))
    unknown = middle[cell] + sigma[:, None] * np.einsum("dji,dj->di", inverse[cell], drawn)
    pick = used[cell]
    return Belief(tuple(own), len(means), sigma, kappa[pick], ratio[pick], unknown[:, 0], unknown[:, data.families :])


def _grid(data: Sums, own: Sequence[Group], means: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Of each cell the seeds' width, the other families', the family's own, over a run's noise; and its prior."""
    u = (np.arange(SHARES) + 0.5) / SHARES
    shares = 1 - (1 - u) ** 2  # finer where seeds do almost all; with these weights their density is 2 (1 − share)
    ratios, of_ratios = np.sqrt(shares / (1 - shares)), 4 * (1 - u) ** 3 / SHARES
    others = np.array(OTHERS if data.families > 1 else OTHERS[:1])
    v = (np.arange(WIDTHS) + 0.5) / WIDTHS
    runs = np.array([g.runs for g in own for _ in g.members], dtype=np.float64)
    # A run's own noise as small as a share lets it be, with nine chances in ten: the widest is to be wide beside it.
    low = np.sqrt(data.variances(ratios) * data.degrees / (2 * special.gammaincinv(data.degrees / 2, 0.9)))
    noise = np.sqrt(np.mean(1 / runs) * data.variances(ratios))
    widest = WIDEST * np.maximum(np.std(means, ddof=1) if len(means) > 1 else 0.0, noise) / low  # (ratios,)
    i, j, k = (a.ravel() for a in np.meshgrid(*map(np.arange, (SHARES, len(others), WIDTHS)), indexing="ij"))
    return ratios[i], others[j], widest[i] * v[k] ** 3, of_ratios[i] * widest[i] * v[k] ** 2


def _cells(data: Sums, ratio: Floats, other: Floats, kappa: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Of each cell the precision of the unknowns (families' centres, then seeds' effects) and what it is weighted with,
    the sum of squares, all over a run's variance, and what else its log likelihood holds."""
    size = data.families + len(data.contrasts)
    design = np.zeros((len(data.groups), size))
    for row, group in zip(design, data.groups, strict=True):
        row[group.family] = 1.0
        row[data.families :] = group.weights
    counts = np.array([len(g.members) for g in data.groups], dtype=np.float64)
    totals = np.array([g.means.sum() for g in data.groups])
    variance = np.stack([g.noise(ratio) + (other if g.family else kappa) ** 2 for g in data.groups], axis=1)
    outer = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    precision = ((counts / variance) @ outer).reshape(-1, size, size)
    seeds = np.arange(data.families, size)
    precision[:, data.families :, data.families :] += data.contrasts
    precision[:, seeds, seeds] += 1 / ratio[:, None] ** 2
    weighted = (totals / variance) @ design
    weighted[:, data.families :] += data.weighted
    squares = data.squares + data.own_squares / (1 + ratio**2)
    squares = squares + (1 / variance) @ np.array([float(g.means @ g.means) for g in data.groups])
    logs = len(seeds) * np.log(ratio) + data.own_degrees * np.log1p(ratio**2) / 2
    return precision, weighted, squares, -logs - np.log(variance) @ counts / 2
