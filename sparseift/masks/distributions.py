"""How density is spread over layers: raw densities that the solver scales to its budget. No torch here."""

import math
from collections.abc import Mapping
from fnmatch import fnmatchcase

from sparseift.errors import InvalidValue, UnknownName
from sparseift.masks.schedules import DISTRIBUTIONS, SCORED_DISTRIBUTIONS

Distribution = str | Mapping[str, float]


def raw_density(distribution: Distribution, name: str, shape: tuple[int, ...]) -> float:
    """The density of a layer up to a common factor.

    Layers whose scaled density would exceed what their structure allows are filled and the rest is re-solved by the
    caller.

    - "uniform": 1 for every layer.
    - "er": (D_in + D_out) / (D_in · D_out), Erdős-Rényi (Mocanu et al. 2018), kernels left out.
    - "erk": (sum of the dimensions) / (their product), Erdős-Rényi-Kernel (Evci et al. 2020, section 3.1).
    - a mapping from weight names or globs over them to relative densities; the first match wins.

    Args:
        name: of the weight. shape: as it is stored.

    Raises:
        UnknownName: no such distribution. InvalidValue: one that needs scores, or a mapping without a density > 0.
    """
    if not isinstance(distribution, str):
        density = next((d for glob, d in distribution.items() if name == glob or fnmatchcase(name, glob)), None)
        if density is None:
            raise InvalidValue(f"The distribution says nothing of '{name}'; its last entry may be \"*\".")
        if not 0.0 < density < math.inf:
            raise InvalidValue(f"The distribution gives '{name}' a density of {density}; it must be above 0.")
        return density
    if distribution == "uniform":
        return 1.0
    if distribution == "er":
        return sum(shape[:2]) / math.prod(shape[:2])
    if distribution == "erk":
        return sum(shape) / math.prod(shape)
    if distribution in SCORED_DISTRIBUTIONS:
        raise InvalidValue(
            f"The distribution '{distribution}' needs scores (sparseift.masks.allocation); without scores there are "
            f"{', '.join(d for d in DISTRIBUTIONS if d not in SCORED_DISTRIBUTIONS)}."
        )
    raise UnknownName("distribution", distribution, DISTRIBUTIONS)
