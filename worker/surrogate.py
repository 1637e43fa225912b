"""What a search believes of every configuration: one Gaussian process over all its families.

Each family has its own level, and its surface is partly the common one, by a share that the data choose (Bonilla et
al., "Multi-task Gaussian Process Prediction", NeurIPS 2007, with one correlation for every two tasks). A search has
tens of runs, so the few hyper-parameters come from a small grid by marginal likelihood: no optimizer, no starting
point, the same answer every time.
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

LENGTH_SCALES = (0.35, 0.7, 1.4)  # in units of an axis's full range
NOISE_RATIOS = (0.1, 0.4, 1.6)  # variance between seeds over variance of the surface
SHARES = (0.0, 0.5, 0.9)  # correlation of two families' surfaces
LEVEL_VARIANCE = 1.0  # of a family's level about its runs' mean, over the surface's
# A surface is mostly a sum: an effect of sparsity, one of the mask schedule, and a little of both together. With five
# runs a family a product alone learns little: regret after 24 trials of 7.2 against 5.7 on benchmarks/search.py.
SPARSITY_PART, SCHEDULE_PART, JOINT_PART = 0.6, 0.25, 0.15
SCHEDULE_STRETCH = 1.5  # of the length scale over the schedule's many columns
FITTED = 64  # places, the last ones, that the hyper-parameters are chosen by: the cost of more is cubic

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Places:
    """Where configurations lie: coordinates (n, columns) in [0, 1], and each one's family as an index (n,)."""

    points: Floats  # the sparsity's column first, then the schedule's
    families: Integers

    def last(self, count: int) -> "Places":
        """The last ones."""
        return Places(self.points[-count:], self.families[-count:])

    def and_(self, others: "Places") -> "Places":
        """These and others."""
        return Places(np.concatenate([self.points, others.points]), np.concatenate([self.families, others.families]))


@dataclass(frozen=True, slots=True)
class Kernel:
    """Hyper-parameters, see the tables above."""

    length: float
    share: float
    noise_ratio: float

    def between(self, a: Places, b: Places) -> Floats:
        """The prior covariance, (a, b), in units of the surface's variance."""
        sparsity = _alike(a.points[:, :1], b.points[:, :1], self.length)
        schedule = _alike(a.points[:, 1:], b.points[:, 1:], self.length * SCHEDULE_STRETCH)
        shape = SPARSITY_PART * sparsity + SCHEDULE_PART * schedule + JOINT_PART * sparsity * schedule
        return np.where(a.families[:, None] == b.families[None, :], shape + LEVEL_VARIANCE, self.share * shape)


def _alike(a: Floats, b: Floats, length: float) -> Floats:
    """exp(−|a − b|² / 2ℓ²), (rows of a, rows of b)."""
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T
    kernel: Floats = np.exp(-np.maximum(0.0, squared) / (2 * length**2))
    return kernel


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A fitted process. Values are what is fitted, e.g. losses: it does not know which way is better.

    Attributes:
        targets: values less their family's level, in units of `spread`; noise: of each, in the same unit, squared.
        factor: lower Cholesky factor of the covariance of `targets`; half: factor⁻¹ · targets.
        spread: of values within families; scale: of the surface, in that unit.
        levels: mean value of each family that was measured.
    """

    kernel: Kernel
    places: Places
    targets: Floats
    noise: Floats
    factor: Floats
    half: Floats
    spread: float
    scale: float
    levels: dict[int, float]

    def at(self, places: Places) -> tuple[Floats, Floats]:
        """Means and standard deviations of the surface (not of a run) at some places, in the values' unit."""
        projected = solve_triangular(self.factor, self.kernel.between(self.places, places), lower=True)
        overall = float(np.mean(list(self.levels.values())))
        base = np.array([self.levels.get(f, overall) for f in places.families.tolist()])
        variance = np.maximum(0.0, 1.0 + LEVEL_VARIANCE - (projected**2).sum(axis=0))
        return base + self.spread * projected.T @ self.half, self.spread * self.scale * np.sqrt(variance)

    def believing(self, places: Places) -> "Surrogate":
        """The same, as if one run at each of `places` had measured what is expected there: surer, not wiser."""
        projected = solve_triangular(self.factor, self.kernel.between(self.places, places), lower=True)
        targets = np.concatenate([self.targets, projected.T @ self.half])
        noise = np.concatenate([self.noise, np.full(len(places.families), self.kernel.noise_ratio)])
        every = self.places.and_(places)
        factor = _factor(self.kernel.between(every, every), noise)
        half = solve_triangular(factor, targets, lower=True)
        return replace(self, places=every, targets=targets, noise=noise, factor=factor, half=half)


def fit(places: Places, means: Floats, counts: Integers) -> Surrogate:
    """The process that explains best the means of `counts` runs at some distinct places."""
    levels = {f: float(np.average(means[places.families == f])) for f in set(places.families.tolist())}
    centred = means - np.array([levels[f] for f in places.families.tolist()])
    spread = float(np.sqrt((centred**2).sum() / max(1, len(means) - len(levels)))) or 1.0
    targets, weights = centred / spread, 1.0 / counts
    kernel = _likeliest(places.last(FITTED), targets[-FITTED:], weights[-FITTED:], several=len(levels) > 1)
    noise = kernel.noise_ratio * weights
    factor = _factor(kernel.between(places, places), noise)
    half = solve_triangular(factor, targets, lower=True)
    scale = float(np.sqrt((half @ half + 2.0) / (len(targets) + 2.0)))  # by likelihood, shrunk to 1 while runs are few
    return Surrogate(kernel, places, targets, noise, factor, half, spread, scale, levels)


def _likeliest(places: Places, targets: Floats, weights: Floats, *, several: bool) -> Kernel:
    """Of the tables' kernels, that with the highest marginal likelihood, the surface's variance profiled out."""
    best, chosen = -np.inf, Kernel(LENGTH_SCALES[0], SHARES[0], NOISE_RATIOS[0])
    for length, share in itertools.product(LENGTH_SCALES, SHARES if several else SHARES[:1]):
        prior = Kernel(length, share, 0.0).between(places, places)
        for ratio in NOISE_RATIOS:
            factor = _factor(prior, ratio * weights)
            half = solve_triangular(factor, targets, lower=True, check_finite=False)
            variance = (half @ half + 2.0) / (len(targets) + 2.0)
            fit_of_data = half @ half / variance + len(targets) * np.log(variance)
            likelihood = float(-0.5 * fit_of_data - np.log(np.diag(factor)).sum())
            if likelihood > best + 1e-9:
                best, chosen = likelihood, Kernel(length, share, ratio)
    return chosen


def _factor(prior: Floats, noise: Floats) -> Floats:
    """The lower Cholesky factor of the covariance of what was measured."""
    covariance = prior.copy()
    covariance.flat[:: len(noise) + 1] += noise
    factor: Floats = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
    return factor
