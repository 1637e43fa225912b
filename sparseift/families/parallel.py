"""Sparse Parallel: Σ_{j=1..k} σ(θ_jᵀ z), every θ_j masked, k = 1/(1−s) (paper, method figure).

k is an integer, so s = 1 − 1/k: .5, .667, .75, .8, …
"""

from sparseift.errors import Infeasible
from sparseift.families.family import Family, LayerShape, check_sparsity

# How far a sparsity may lie from 1 − 1/k before it is refused rather than moved.
TOLERANCE = 0.02


def branches(nominal_sparsity: float) -> int:
    """k = 1/(1−s), rounded; 1 means no transformation."""
    return max(1, round(1.0 / (1.0 - check_sparsity(nominal_sparsity))))


def snap(nominal_sparsity: float) -> float:
    """The nearest 1 − 1/k in k; the sparsity itself where that is k = 1, which is no transformation."""
    k = branches(nominal_sparsity)
    return 1.0 - 1.0 / k if k > 1 else nominal_sparsity


def size(_layer: LayerShape, nominal_sparsity: float) -> int:
    """Branches of a layer: the same k everywhere.

    Raises:
        Infeasible: 1/(1−s) is no integer; `nearest` holds the sparsities below and above.
    """
    k = branches(nominal_sparsity)
    if k < 2 or abs((1.0 - 1.0 / k) - nominal_sparsity) > TOLERANCE:
        below = max(2, int(1.0 / (1.0 - nominal_sparsity)))
        nearest = tuple(dict.fromkeys(round(1.0 - 1.0 / n, 4) for n in (below, below + 1)))
        raise Infeasible(
            f"Sparse Parallel has no sparsity {nominal_sparsity:g}, because k = 1/(1-s) must be an integer "
            "of at least 2; "
            f"the nearest feasible sparsities are {' and '.join(f'{n:g}' for n in nearest)}.",
            nearest,
        )
    return k


PARALLEL = Family(
    name="sparse_parallel",
    title="Sparse Parallel",
    summary="k masked copies of a layer, each with its own nonlinearity, summed.",
    formula="k = 1 / (1 - s), an integer",
    size=size,
    block="sparseift.families.blocks:Parallel",
    snap=snap,
    describe=lambda s: f"k = {branches(s)} branches",
)
