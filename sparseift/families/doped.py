"""Sparse Doped: Vᵀ(Uᵀ z) + σ(θᵀ z), θ masked, U and V dense, d = s·D_in·D_out / (D_in + D_out) (paper, method figure).

(The official code masks U and V too and so spends .746 / .439 / .194 of the dense FLOPs at s = .5 / .75 / .9; ours
does not.) Ranks are rounded down, as there (CIFAR ResNet-18 at s = .5: 28 | 52, 57 | 104, 115 | 209, 230).
"""

from sparseift.families.family import Family, LayerShape, check_sparsity, floor_to


def size(layer: LayerShape, nominal_sparsity: float) -> int:
    """Rank d of the dense low-rank branch, a multiple of the layer's groups."""
    return floor_to(check_sparsity(nominal_sparsity) * layer.full_rank, layer.groups)


DOPED = Family(
    name="sparse_doped",
    title="Sparse Doped",
    summary="A masked copy of the layer, doped with a dense low-rank branch.",
    formula="d = s D_in D_out / (D_in + D_out)",
    size=size,
    block="sparseift.families.blocks:Doped",
    snap=check_sparsity,
    describe=lambda s: f"rank {s:.3g} x D_in D_out / (D_in + D_out)",
)
