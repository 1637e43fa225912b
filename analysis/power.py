"""How many seeds it takes to see a difference: to be asked before the seeds are trained."""

import math

from scipy import special

from analysis.statistics import t_quantile

MOST_SEEDS = 500  # where the search for a number of seeds gives up


def power(difference: float, residual_sd: float, seeds: int, *, configurations: int = 2, comparisons: int = 1) -> float:
    """The probability that an interval of `analysis.comparison` shows a true difference to be better.

    Noncentral t (Johnson & Welch 1940) with (configurations − 1)(seeds − 1) degrees of freedom and noncentrality
    d / (σ √(2/n)). Assumes `analysis.blocks`' model: all on the same seeds.

    Args:
        difference: true, positive, in the metric's unit; residual_sd: of one run, without the seeds' common effect.
        configurations: that share the seeds, the reference among them.
        comparisons: intervals that hold together.

    Raises:
        ValueError: fewer than 2 seeds or configurations, or a standard deviation that is not positive.
    """
    if seeds < 2 or configurations < 2 or residual_sd <= 0:
        raise ValueError(
            f"Power needs at least 2 seeds, 2 configurations and a positive standard deviation; it got {seeds}, "
            f"{configurations} and {residual_sd}."
        )
    degrees = (configurations - 1) * (seeds - 1)
    shift = difference / (residual_sd * math.sqrt(2 / seeds))
    return float(1.0 - special.nctdtr(degrees, shift, t_quantile(degrees, comparisons)))


def seeds_to_see(
    difference: float, residual_sd: float, *, wanted: float = 0.8, configurations: int = 2, comparisons: int = 1
) -> int | None:
    """The fewest seeds with at least the `wanted` power; None where `MOST_SEEDS` are not enough."""
    low, high = 2, MOST_SEEDS

    def enough(n: int) -> bool:
        return power(difference, residual_sd, n, configurations=configurations, comparisons=comparisons) >= wanted

    if difference <= 0 or not enough(high):
        return None
    while low < high:  # power rises with seeds
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low
