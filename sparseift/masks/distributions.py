"""How density is spread over layers: raw densities that the solver scales to its budget. No torch here."""

import math

from sparseift.errors import UnknownName
from sparseift.masks.schedules import DISTRIBUTIONS


def raw_density(distribution: str, shape: tuple[int, ...]) -> float:
    """The density of a layer up to a common factor.

    uniform: 1 for every layer. erk: (sum of the dimensions) / (their product), the Erdős-Rényi-Kernel rule (Evci et al.
    2020, section 3.1). Layers whose scaled density would exceed 1 become dense and the rest is re-solved by the caller.

    Raises:
        UnknownName: no such distribution.
    """
    if distribution == "uniform":
        return 1.0
    if distribution == "erk":
        return sum(shape) / math.prod(shape)
    raise UnknownName("distribution", distribution, DISTRIBUTIONS)
