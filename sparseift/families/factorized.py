"""Sparse Factorized: Vᵀ σ(Uᵀ z), U and V masked, d = D_in·D_out / ((D_in + D_out)(1−s)) (paper, method figure).

For a K-tap convolution d = K·c_in·c_out / ((K·c_in + c_out)(1−s)), with stride and dilation carried by U and V a 1×1
convolution. Ranks are rounded up, as in the official code (CIFAR ResNet-18 at s = .5: 116 | 210, 231 | 419, 461 | 838,
922).
"""

from sparseift.families.family import Family, LayerShape, ceil_to, check_sparsity


def size(layer: LayerShape, nominal_sparsity: float) -> int:
    """Rank d of a layer, a multiple of its groups."""
    return ceil_to(layer.full_rank / (1.0 - check_sparsity(nominal_sparsity)), layer.groups)


FACTORIZED = Family(
    name="sparse_factorized",
    title="Sparse Factorized",
    summary="Two masked factors with a nonlinearity between them.",
    formula="d = D_in D_out / ((D_in + D_out)(1 - s))",
    size=size,
    block="sparseift.families.blocks:Factorized",
    snap=check_sparsity,
    describe=lambda s: f"rank {1.0 / (1.0 - s):.3g} x D_in D_out / (D_in + D_out)",
)
