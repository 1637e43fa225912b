"""Differences to one reference, what the seed does to all alike taken out: curve, headline and comparison tell these.

The model is that of a randomised block design (Fisher, The Design of Experiments, 1935): value = configuration + seed +
independent normal noise of one common variance. A contrast whose weights sum to zero is free of the seeds' effects. Two
configurations alone give the paired t-test; more give more degrees of freedom, which at three seeds halves an interval.
Where the seed does nothing the model still holds, so that intervals cover as often as they say either way.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics import ROUNDING, Difference, Noise, t_quantile, welch_interval

Runs = Mapping[int, float]  # validation metric by seed
FEWEST = 2  # seeds in common, below which there is no block


@dataclass(frozen=True, slots=True)
class Contrasts:
    """Differences to a reference, of whatever configurations.

    Attributes:
        residual: the noise of one run that is left within the seeds of the reference; None where there is none.
        configurations: that the residual rests on, the reference among them; 2 where there is none.
        noise: the job's seed noise: it stands in where two samples show no spread of their own, as runs of a metric
            that counts (accuracy over 297 images) may, being equal by chance.
    """

    reference: Runs
    residual: Noise | None
    noise: Noise | None
    configurations: int = 2

    @property
    def spread(self) -> Noise | None:
        """The noise that a difference within seeds is judged by."""
        return self.residual or self.noise

    def is_blocked(self, runs: Runs) -> bool:
        """Whether a configuration is compared within seeds: it ran on the reference's, or on nothing but some of
        them, where an end of a seed was lost."""
        common = len(self.reference.keys() & runs.keys())
        return common >= FEWEST and common in (len(runs), len(self.reference))

    def difference(self, runs: Runs, comparisons: int = 1) -> Difference:
        """`runs` less the reference with its 95 % interval; of other seeds than the reference's Welch's.

        Args:
            comparisons: how many differences the interval must hold for together (Bonferroni).
        """
        if not self.is_blocked(runs):
            return self._between(runs, comparisons)
        common = self.reference.keys() & runs.keys()
        mean = math.fsum(runs[seed] - self.reference[seed] for seed in common) / len(common)
        if self.spread is None or not self.spread.sd:
            return Difference(mean, None, None, len(common), "none")
        half = t_quantile(self.spread.degrees, comparisons) * self.spread.sd * math.sqrt(2 / len(common))
        return Difference(mean, mean - half, mean + half, len(common), "blocked")

    def _between(self, runs: Runs, comparisons: int) -> Difference:
        found = welch_interval(list(runs.values()), list(self.reference.values()), comparisons)
        if found.low is not None or found.n < FEWEST or self.noise is None or not self.noise.sd:
            return found
        error = self.noise.sd * math.sqrt(1 / len(runs) + 1 / len(self.reference))
        half = t_quantile(self.noise.degrees, comparisons) * error
        return Difference(found.mean, found.mean - half, found.mean + half, found.n, "welch")


def contrasts(reference: Runs, others: Iterable[Runs], noise: Noise | None = None) -> Contrasts:
    """Contrasts whose noise rests on every configuration of a job that ran on the reference's seeds.

    Args:
        others: all configurations of the job, whichever of them will be asked for: an answer does not depend on
            what else was asked.
        noise: the job's seed noise.
    """
    alone = Contrasts(reference, None, noise)
    block = [_cut(runs, reference) for runs in others if alone.is_blocked(runs)]
    if not block:
        return alone
    return Contrasts(reference, residual_noise([reference, *block]), noise, 1 + len(block))


def _cut(runs: Runs, reference: Runs) -> Runs:
    return {seed: value for seed, value in runs.items() if seed in reference}


def residual_noise(configurations: Sequence[Runs]) -> Noise | None:
    """The noise that is left of runs on common seeds: least squares for the model above.

    Assumes no interaction of seed and configuration beyond noise, and one variance for all. With every configuration
    on every seed there are (configurations − 1)(seeds − 1) degrees of freedom; runs may be missing.

    Returns:
        None with fewer than two configurations or seeds, or where nothing but rounding is left.
    """
    seeds = sorted({seed for runs in configurations for seed in runs})
    if len(configurations) < 2 or len(seeds) < 2:
        return None
    there = np.array([[seed in runs for seed in seeds] for runs in configurations])  # (configurations, seeds)
    table = np.array([[runs.get(seed, 0.0) for seed in seeds] for runs in configurations])
    share = there / there.sum(axis=1, keepdims=True)
    rows, columns = np.nonzero(there)
    centred = table[rows, columns] - (table * share).sum(axis=1)[rows]  # (runs,): free of configurations' effects
    design = np.eye(len(seeds))[columns] - share[rows]  # (runs, seeds)
    effects, _, rank, _ = np.linalg.lstsq(design, centred, rcond=None)
    degrees = len(centred) - len(configurations) - int(rank)
    if degrees < 1:
        return None
    sd = math.sqrt(float(((centred - design @ effects) ** 2).sum()) / degrees)
    return Noise(sd, degrees) if sd > ROUNDING else None
