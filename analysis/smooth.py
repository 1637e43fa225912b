"""A family's metric as a smooth curve of sparsity, with a band, and the sparsity at which to look next.

A Gaussian process over −log2(1 − s), in which sparsities .5, .75 and .875 (the local families' k of 2, 4 and 8) are a
step apart, plus a deviation of each configuration (its mask schedule) plus the seeds' noise. Its hyper-parameters are
not fitted but weighted over a grid by their marginal likelihood, the seeds' own spread included (Rasmussen & Williams,
Gaussian Processes for Machine Learning, 2006, sections 2.7 and 5.2): with eight points, the best-fitting ones alone
would make a band that is too narrow.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.points import LEVEL_DECIMALS, CurvePoint
from analysis.statistics import Noise
from sparseift.records import Metric

LENGTHS = (0.4, 0.8, 1.6, 3.2)  # length scales, in doublings of 1 / (1 − s)
SURFACES = (0.25, 0.5, 1.0, 2.0, 4.0)  # sd of the surface, over the spread of the points
NOISES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # sd of a run about its configuration, over the same
QUANTILES = (0.005, 0.03, 0.12, 0.3, 0.5, 0.7, 0.88, 0.97, 0.995)  # at which the pooled seed noise adds others
JITTER = 1e-8  # variance of a level's mean that no seed's noise is below, over the spread's: for the arithmetic
SCHEDULES = (0.0, 0.5, 1.0)  # sd of configurations about the surface, over a run's; 0 where all have one schedule
LEVEL = 10.0  # prior sd of the mean level, over the spread: as good as flat
GRID = 61  # sparsities of the drawn curve
FEWEST = 3  # levels of sparsity below which nothing is smoothed
DRAWS = 4_000
Z = 1.959964  # normal quantile of a two-sided 95 % band

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SmoothCurve:
    """One family.

    Attributes:
        sparsities, mean, low, high: the curve and its pointwise 95 % band, of the mean over schedules at a sparsity
            (not of a run); () with the `reason` where too little is known.
        best_sparsity: where the curve is best among the feasible levels; candidates: those levels that together hold
            95 % of the probability of being it, rising.
        next_sparsity: the feasible level with the largest expected improvement over the best measured one (Jones et
            al. 1998); expected_improvement: there, in the metric's unit.
        residual_sd: of a run, as the seeds and the fit have it.
        runs, levels: that it rests on.
    """

    family: str
    sparsities: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    best_sparsity: float | None
    candidates: tuple[float, ...]
    next_sparsity: float | None
    expected_improvement: float | None
    residual_sd: float | None
    runs: int
    levels: int
    reason: str


@dataclass(frozen=True, slots=True)
class SmoothAnswer:
    """A curve per family."""

    metric: Metric
    curves: tuple[SmoothCurve, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Process:
    """The mixture over hyper-parameters at some places: means and variances, one per kept cell of the grid."""

    weights: Floats  # (cells,)
    means: Floats  # (cells, places)
    variances: Floats  # (cells, places)
    covariances: Floats  # of the offered levels, the last places: (cells, offered, offered)
    residual_sd: float

    def moments(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the mixture at each place."""
        mean = self.weights @ self.means
        return mean, np.sqrt(self.weights @ (self.variances + (self.means - mean) ** 2))


def smooth(
    points: Sequence[CurvePoint], feasible: Sequence[float], metric: Metric, family: str, noise: Noise | None
) -> SmoothCurve:
    """The smooth curve of one family.

    Assumes a surface without jumps, exchangeable normal deviations of schedules, and one normal seed noise. Search and
    confirmation runs both count: a configuration's mean is drawn towards its neighbours', so a lucky run does not lead.

    Args:
        points: of the job's curve; others' families and those that are not iso-FLOP are left out.
        feasible: the sparsities that could be trained (fractions, as solved).
        noise: the job's seed noise, pooled.
    """
    mine = [p for p in points if p.family == family and p.iso_flop]
    levels = {p.level for p in mine}
    runs = sum(len(p.all_values) for p in mine)
    if len(levels) < FEWEST:
        why = f"{len(levels)} of at least {FEWEST} different sparsities have a result."
        return SmoothCurve(family, (), (), (), (), None, (), None, None, None, runs, len(levels), why)
    sign = 1.0 if metric.direction == "maximize" else -1.0
    data = _levels(mine, sign)
    at, measured = data.at, sorted(levels)
    # A solved sparsity misses its level by a hair: what was measured is offered once, as its level.
    offered = sorted({round(s, 6) for s in feasible if round(s, LEVEL_DECIMALS) not in levels} | levels)
    drawn = np.linspace(min(*offered, *at.tolist()), max(*offered, *at.tolist()), GRID)
    places = np.concatenate([drawn, np.array(offered)])
    schedules = SCHEDULES if len({p.schedule for p in mine}) > 1 else SCHEDULES[:1]
    process = _process(data, places, len(offered), noise, schedules)
    mean, sd = process.moments()
    choices = np.array(offered)
    gains = _improvement(process, mean, GRID, [offered.index(s) for s in measured])
    best, next_one = int(np.argmax(mean[GRID:])), int(np.argmax(np.round(gains, 12)))
    edges = np.stack([mean - Z * sd, mean + Z * sd])[:, :GRID] * sign
    return SmoothCurve(
        family=family,
        sparsities=tuple(map(float, drawn)),
        mean=tuple(map(float, sign * mean[:GRID])),
        low=tuple(map(float, edges.min(axis=0))),
        high=tuple(map(float, edges.max(axis=0))),
        best_sparsity=float(choices[best]),
        candidates=_credible(process, choices),
        next_sparsity=float(choices[next_one]),
        expected_improvement=float(gains[next_one]),
        residual_sd=process.residual_sd,
        runs=runs,
        levels=len(levels),
        reason="",
    )


def _axis(sparsities: Floats) -> Floats:
    return -np.log2(1.0 - np.minimum(sparsities, 0.999))


@dataclass(frozen=True, slots=True)
class _Levels:
    """What was measured, by level of sparsity.

    Attributes:
        at: sparsity (levels,). means: over runs, higher is better. of_runs, of_schedules: by what a run's variance and
            a configuration's are multiplied in the variance of a mean.
        scatter, degrees: variance between configurations' means within levels, and its degrees of freedom.
        share: of a run's variance in that of a configuration's mean, on average.
    """

    at: Floats
    means: Floats
    of_runs: Floats
    of_schedules: Floats
    scatter: float
    degrees: int
    share: float


def _levels(points: Sequence[CurvePoint], sign: float) -> _Levels:
    groups: dict[float, list[CurvePoint]] = {}
    for p in points:
        groups.setdefault(p.level, []).append(p)
    rows, squares, degrees, shares = [], 0.0, 0, []
    for group in groups.values():
        counts = np.array([len(p.all_values) for p in group], dtype=np.float64)
        means = sign * np.array([float(np.mean(p.all_values)) for p in group])
        weights = counts / counts.sum()
        rows.append((weights @ [p.sparsity for p in group], weights @ means, 1 / counts.sum(), weights @ weights))
        squares += float(((means - means.mean()) ** 2).sum())
        degrees += len(group) - 1
        shares += [float((1 / counts).mean())] * (len(group) - 1)
    at, level_means, of_runs, of_schedules = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    share = sum(shares) / len(shares) if shares else 1.0
    return _Levels(at, level_means, of_runs, of_schedules, squares / max(1, degrees), degrees, share)


def _sigmas(seeds: float | None, degrees: int) -> Floats:
    """Noise levels: what the seeds' spread on so few degrees of freedom leaves possible, and any that the fit may ask
    for beside it."""
    if seeds is None:
        return np.array(NOISES)
    from scipy.special import gammaincinv

    chi2 = 2 * gammaincinv(degrees / 2, np.array(QUANTILES))
    return np.unique(np.concatenate([NOISES, seeds * np.sqrt(degrees / chi2)]))


def _process(data: _Levels, places: Floats, offered: int, noise: Noise | None, schedules: Sequence[float]) -> _Process:
    at, means = data.at, data.means
    spread = float(np.std(means, ddof=1)) or (noise.sd if noise else 0.0) or 1.0
    centre = float(np.average(means, weights=1 / data.of_runs))
    y = (means - centre) / spread
    u, v = _axis(at), _axis(places)
    seeds = noise.sd / spread if noise and noise.sd > 0 else None
    sigmas = _sigmas(seeds, noise.degrees if noise else 0)
    n = len(y)
    prior = np.log(np.gradient(np.log(sigmas)))  # 1/σ, whatever the grid
    if seeds is not None and noise is not None:  # the chi-square likelihood of the pooled variance
        prior += -noise.degrees * np.log(sigmas) - noise.degrees * seeds**2 / (2 * sigmas**2)
    cells = np.array(list(itertools.product(LENGTHS, SURFACES, range(len(sigmas)), schedules)))
    length, surface, index, schedule = cells[:, 0], cells[:, 1], cells[:, 2].astype(int), cells[:, 3]
    sigma = sigmas[index]

    def kernel(a: Floats, b: Floats, which: NDArray[np.int64]) -> Floats:
        gap = (a[:, None] - b[None, :]) ** 2
        alike = surface[which, None, None] ** 2 * np.exp(-gap / (2 * length[which, None, None] ** 2))
        return np.asarray(alike + LEVEL**2, dtype=np.float64)

    every = np.arange(len(cells))
    own = (sigma**2)[:, None] * (data.of_runs + schedule[:, None] ** 2 * data.of_schedules)  # (cells, n)
    covariance = kernel(u, u, every) + (own + JITTER)[:, :, None] * np.eye(n)
    factor = np.linalg.cholesky(covariance)
    half = np.linalg.solve(factor, np.broadcast_to(y[:, None], (len(cells), n, 1)))[:, :, 0]
    logs = -0.5 * (half**2).sum(axis=1) - np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1) + prior[index]
    if data.degrees:  # the chi-square likelihood of the variance between a level's configurations
        between = sigma**2 * (schedule**2 + data.share)
        logs -= data.degrees * (np.log(between) + data.scatter / spread**2 / between) / 2
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    kept = np.argsort(-weights)[: int(np.searchsorted(np.cumsum(np.sort(weights)[::-1]), 0.995)) + 1]
    cross = kernel(u, v, kept)  # (kept, n, places)
    projected = np.linalg.solve(factor[kept], cross)
    found = np.einsum("knp,kn->kp", projected, half[kept])
    last = projected[:, :, -offered:]
    together = kernel(v[-offered:], v[-offered:], kept) - last.transpose(0, 2, 1) @ last
    variances = np.maximum(0.0, surface[kept, None] ** 2 + LEVEL**2 - (projected**2).sum(axis=1))
    share = weights[kept] / weights[kept].sum()
    residual = math.sqrt(float(share @ sigma[kept] ** 2)) * spread
    return _Process(share, centre + spread * found, spread**2 * variances, spread**2 * together, residual)


def _improvement(process: _Process, mean: Floats, first: int, measured: Sequence[int]) -> Floats:
    """E[max(f(s) − f*, 0)] at each offered level; f* is the best mean of a measured level."""
    from scipy.special import ndtr

    best = mean[first:][list(measured)].max()
    gap = process.means[:, first:] - best
    sd = np.sqrt(np.maximum(1e-18, process.variances[:, first:]))
    z = gap / sd
    gains = gap * ndtr(z) + sd * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return np.asarray(process.weights @ gains, dtype=np.float64)


def _credible(process: _Process, choices: Floats) -> tuple[float, ...]:
    """The fewest levels that hold 95 % of the probability of being best, by draws of whole curves."""
    random = np.random.default_rng(0)
    size = len(choices)
    wins = np.zeros(size)
    shares = random.multinomial(DRAWS, process.weights)
    for cell in np.flatnonzero(shares):
        values, vectors = np.linalg.eigh(process.covariances[cell])
        noise = random.standard_normal((shares[cell], size)) * np.sqrt(np.maximum(0.0, values))
        wins += np.bincount(np.argmax(process.means[cell][-size:] + noise @ vectors.T, axis=1), minlength=size)
    order = np.argsort(-wins, kind="stable")
    count = int(np.searchsorted(np.cumsum(wins[order]), 0.95 * DRAWS)) + 1
    return tuple(sorted(float(choices[i]) for i in order[:count]))
