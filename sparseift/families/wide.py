"""Sparse Wide: one (k·D_in × k·D_out) masked matrix in place of D_in × D_out, k = √(1/(1−s)) (paper, method figure).

The whole network widens, so the scale is applied to the width argument of the model's builder, rounded down as the
official code does (CIFAR ResNet-18: 64 → 90 / 128 / 202 at s = .5 / .75 / .9), and the sparsity is re-solved
afterwards.
"""

import math

from sparseift.errors import Infeasible
from sparseift.families.family import Family, check_sparsity, floor_to


def width_factor(nominal_sparsity: float) -> float:
    """k = √(1/(1−s))."""
    return math.sqrt(1.0 / (1.0 - check_sparsity(nominal_sparsity)))


def wide_size(width: int, nominal_sparsity: float, multiple: int = 1) -> int:
    """The width of the widened network: k·width, rounded down to a multiple (heads, groups).

    Raises:
        Infeasible: that is no wider than the dense network.
    """
    factor = width_factor(nominal_sparsity)
    wide = floor_to(width * factor, multiple)
    if wide <= width:
        raise Infeasible(
            f"Sparse Wide at {nominal_sparsity:g} has k = {factor:.3f}, and {width} times that, rounded down to "
            f"a multiple of {multiple}, is no wider than the dense network."
        )
    return wide


WIDE = Family(
    name="sparse_wide",
    title="Sparse Wide",
    summary="Every layer k times wider on both sides, masked; the whole network widens.",
    formula="k = sqrt(1 / (1 - s))",
    size=None,
    block="",
    snap=check_sparsity,
    describe=lambda s: f"k = {width_factor(s):.3f}",
)
