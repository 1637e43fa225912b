"""The probability that a point is the best, when most of the spread between points may be luck.

With a flat prior ten equal points of which one had a lucky seed give that one a probability near one half. Here the
points' true means have a common distribution whose width the data choose, so that they are drawn together as far as
noise explains their spread (Gelman et al., Bayesian Data Analysis, 3rd ed., sections 5.4 and 5.7: normal hierarchical
model, uniform prior on the width).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.statistics import Noise

Floats = NDArray[np.float64]

SIGMAS = 15  # noise levels: the midpoints of as many equally likely ranges
WIDTHS = 25  # widths of the means' distribution, from 0
WIDEST = 4.0  # of the means' spread, or of the noise of a mean where that is larger
MOST_DRAWS, FEWEST_DRAWS = 4000, 250  # the Monte Carlo error of a probability is below .01, with hundreds below .02
NUMBERS = 400_000  # that are drawn at most, within these bounds


def chance_of(index: int, samples: Sequence[Sequence[float]], noise: Noise, maximize: bool) -> float:
    """The posterior probability that the true mean of one sample is the best of all.

    Assumes normal noise of one variance, known as well as `noise.degrees` say (p(σ²) ∝ 1/σ²), and true means that are
    exchangeable and normal. Calibrated on average over jobs whose points differ as much as they do here, at whatever
    scale; `tests/analysis/test_shrinkage.py` has the simulation. Given σ, the width, the centre and its rivals' means
    the probability is Φ of the distance to the best of them, which is averaged over draws from a fixed seed. Equals
    share it.

    Args:
        samples: values of each; of one without another the probability is 1.
        noise: with a standard deviation above 0.
    """
    if len(samples) == 1:
        return 1.0
    sign = 1.0 if maximize else -1.0
    means = sign * np.array([math.fsum(s) / len(s) for s in samples])  # (samples,)
    means -= means.mean()
    runs = np.array([len(s) for s in samples], dtype=float)
    sigma2, tau2, weights = _posterior(means, runs, noise)
    draws = min(MOST_DRAWS, max(FEWEST_DRAWS, NUMBERS // len(samples)))
    random = np.random.default_rng(0)
    # Systematic sampling: as many draws of each cell as its weight says, to one.
    cell = np.searchsorted(np.cumsum(weights), (np.arange(draws) + 0.5) / draws).clip(max=len(weights) - 1)
    cell = random.permutation(cell[tau2[cell] > 0])
    if not cell.size:
        return 1.0 / len(samples)
    centre = _centre(means, runs, sigma2[cell], tau2[cell], random)
    rivals = np.arange(len(samples)) != index
    best = _best_of(means[rivals], runs[rivals], sigma2[cell], tau2[cell], centre, random)
    mean, sd = _believed(means[index], runs[index], sigma2[cell], tau2[cell], centre)
    found = float(special.ndtr((mean - best) / sd).sum())
    return (found + (draws - cell.size) / len(samples)) / draws  # a width of zero makes all equal: any may be the best


def _believed(
    mean: Floats | float, runs: Floats | float, sigma2: Floats, tau2: Floats, centre: Floats
) -> tuple[Floats, Floats]:
    """Mean and standard deviation of a true mean, given all else."""
    keep = tau2 / (tau2 + sigma2 / runs)  # the share of a deviation that is believed
    return centre + keep * (mean - centre), np.sqrt(keep * sigma2 / runs)


def _best_of(
    means: Floats, runs: Floats, sigma2: Floats, tau2: Floats, centre: Floats, random: np.random.Generator
) -> Floats:
    """The largest of these true means, (draws,)."""
    best = np.full(len(centre), -np.inf)
    for n in np.unique(runs):  # whose deviations are believed alike
        some = means[runs == n].astype(np.float32)  # (rivals,)
        middle, sd = _believed(0.0, float(n), sigma2, tau2, centre)
        keep = (tau2 / (tau2 + sigma2 / n)).astype(np.float32)
        drawn = random.standard_normal((len(centre), some.size), dtype=np.float32)
        drawn *= sd.astype(np.float32)[:, None]
        drawn += keep[:, None] * some
        best = np.maximum(best, drawn.max(axis=1) + middle)
    return best


def _centre(means: Floats, runs: Floats, sigma2: Floats, tau2: Floats, random: np.random.Generator) -> Floats:
    """The middle of all true means, (draws,)."""
    precision, weighted = _sums(means, runs, sigma2, tau2)[:2]
    even = special.ndtri(random.permutation((np.arange(len(sigma2)) + 0.5) / len(sigma2)))  # normal, without clumps
    drawn: Floats = weighted / precision + even / np.sqrt(precision)
    return drawn


def _sums(means: Floats, runs: Floats, sigma2: Floats, tau2: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Of each cell Σ 1/v, Σ x̄/v, Σ x̄²/v and Σ log v over samples, v being the variance of x̄ about the centre."""
    precision, weighted, squares, logs = (np.zeros(len(sigma2)) for _ in range(4))
    for n in np.unique(runs):
        some = means[runs == n]
        variance = sigma2 / n + tau2
        precision += some.size / variance
        weighted += some.sum() / variance
        squares += float(some @ some) / variance
        logs += some.size * np.log(variance)
    return precision, weighted, squares, logs


def _posterior(means: Floats, runs: Floats, noise: Noise) -> tuple[Floats, Floats, Floats]:
    """σ², τ² and probability of each cell of the grid; the centre is integrated out (flat prior)."""
    shares = (np.arange(SIGMAS) + 0.5) / SIGMAS
    chi2 = 2 * special.gammaincinv(noise.degrees / 2, shares)  # quantiles
    scale = max(float(np.std(means, ddof=1)), noise.sd / math.sqrt(float(runs.mean())))
    tau = np.linspace(0.0, WIDEST * scale, WIDTHS)
    sigma2, tau2 = (grid.ravel() for grid in np.meshgrid(noise.sd**2 * noise.degrees / chi2, tau**2, indexing="ij"))
    precision, weighted, squares, logs = _sums(means, runs, sigma2, tau2)
    log_likelihood = -0.5 * (logs + np.log(precision) + squares - weighted**2 / precision)
    weights = np.exp(log_likelihood - log_likelihood.max())
    return sigma2, tau2, weights / weights.sum()
