"""Layers of every kind are replaced, wherever and however often they stand."""

import pytest
import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from sparseift.errors import InvalidValue
from sparseift.families.blocks import Factorized, Packed
from sparseift.families.kinds import plain, split
from sparseift.flops import count, nonzero_flops
from sparseift.masks.state import masks_of
from sparseift.transformation import transform
from sparseift.widening import widen

LOCAL = ["sparse_parallel", "sparse_factorized", "sparse_doped"]


@pytest.mark.parametrize("family", LOCAL)
@pytest.mark.parametrize(
    ("stem", "inner", "x"),
    [
        (nn.Conv1d(3, 16, 3), nn.Conv1d(16, 24, 5, stride=2, padding=1), torch.randn(2, 3, 20)),
        (nn.Conv3d(3, 8, 2), nn.Conv3d(8, 16, 3, padding=1, groups=2), torch.randn(2, 3, 5, 6, 7)),
        (nn.Conv2d(3, 16, 3), nn.Conv2d(16, 24, (1, 3), dilation=2), torch.randn(2, 3, 9, 12)),
        (nn.Linear(3, 16), Conv1D(48, 16), torch.randn(2, 5, 3)),
        (nn.Linear(3, 16), nn.Linear(16, 24, bias=False), torch.randn(2, 5, 3)),
    ],
    ids=["conv1d", "conv3d", "conv2d", "hf-conv1d", "linear"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_every_kind_of_layer_meets_the_budget(
    family: str, stem: nn.Module, inner: nn.Module, x: Tensor, dtype: torch.dtype
) -> None:
    model = nn.Sequential(stem, inner, nn.Flatten(), nn.LazyLinear(4)).to(dtype)
    x = x.to(dtype)
    shape = model[:2](x).shape
    model(x)
    dense = count(model, x[:1]).total
    point = transform(model, family, 0.5, x[:1])
    assert model[:2](x).shape == shape
    assert model(x).dtype == dtype
    assert point.flop_ratio == pytest.approx(1, abs=1e-3)
    assert nonzero_flops(count(model, x[:1]), masks_of(model)) == point.forward_flops
    assert point.forward_flops == pytest.approx(dense, rel=1e-3)
    model(x).float().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    transform_again = [type(m) for m in model]
    assert transform_again[0] is type(stem), "the stem stays"


def test_a_packed_projection_becomes_blocks_side_by_side() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c_attn, self.out = Conv1D(96, 32), nn.Linear(96, 32)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.c_attn(x))

    def model() -> nn.Sequential:
        return nn.Sequential(nn.Linear(8, 32), Attention(), nn.Linear(32, 4))

    taken = model()
    transform(taken, "sparse_factorized", 0.5, torch.zeros(1, 8))
    assert type(taken[1].c_attn) is Packed
    assert [type(p) for p in taken[1].c_attn.parts] == [Factorized] * 3
    assert [p.size for p in taken[1].c_attn.parts] == [32] * 3  # of a 32 × 32 layer, not of a 32 × 96 one
    assert {n for n in masks_of(taken) if "parts.2" in n} == {f"1.c_attn.parts.2.{w}.weight" for w in "uv"}
    whole = model()
    transform(whole, "sparse_factorized", 0.5, torch.zeros(1, 8), packed={})
    assert type(whole[1].c_attn) is Factorized
    asked = model()
    transform(asked, "sparse_factorized", 0.5, torch.zeros(1, 8), packed={"1.out": 2})
    assert type(asked[1].out) is Packed
    with pytest.raises(InvalidValue, match=r"'1\.out' does not consist of 5 equal projections"):
        transform(model(), "sparse_factorized", 0.5, torch.zeros(1, 8), packed={"1.out": 5})


def test_splitting_and_unpacking_compute_the_same() -> None:
    torch.manual_seed(0)
    layer, x = Conv1D(12, 5), torch.randn(3, 5)
    linear = plain(layer)
    assert isinstance(linear, nn.Linear)
    torch.testing.assert_close(linear(x), layer(x))
    torch.testing.assert_close(torch.cat([part(x) for part in split(linear, 3)], -1), layer(x))


def test_a_shared_layer_is_replaced_once_and_everywhere() -> None:
    shared = nn.Linear(32, 32)
    model = nn.Sequential(nn.Linear(16, 32), shared, nn.ReLU(), shared, nn.Linear(32, 10))
    point = transform(model, "sparse_doped", 0.5, torch.zeros(1, 16))
    assert model[1] is model[3]
    assert set(masks_of(model)) == {"1.theta.weight"}
    assert point.flop_ratio == pytest.approx(1, abs=1e-3)
    theta = model[1].theta.weight
    dense = 2 * (16 * 32 + 2 * 32 * 32 + 32 * 10)
    assert point.forward_flops == pytest.approx(dense, rel=1e-3)
    assert count(model, torch.zeros(1, 16)).weights["1.theta.weight"].uses == 2
    assert theta.shape == (32, 32)


def test_wide_takes_every_kind_too() -> None:
    def build(width: int) -> nn.Module:
        layer = nn.TransformerEncoderLayer(width, 2, 2 * width, batch_first=True)
        return nn.Sequential(nn.Linear(6, width), Conv1D(width, width), layer, nn.Linear(width, 3))

    x = torch.zeros(1, 5, 6)
    model, point = widen(build, 0.75, x, width=16, multiple=2)
    assert point.scale == "width 32 (k = 2.000)"
    assert nonzero_flops(count(model, x), masks_of(model)) == point.forward_flops
    assert point.forward_flops == pytest.approx(count(build(16), x).total, rel=1e-3)
    assert "1.weight" in masks_of(model)
    assert "2.self_attn.q_proj.weight" in masks_of(model)


def test_depthwise_stays_dense_and_the_rest_pays() -> None:
    model = nn.Sequential(
        nn.Conv1d(4, 16, 1), nn.Conv1d(16, 16, 3, groups=16), nn.Conv1d(16, 32, 1), nn.Flatten(), nn.Linear(192, 2)
    )
    x = torch.zeros(1, 4, 8)
    dense = count(model, x).total
    point = transform(model, "sparse_factorized", 0.75, x)
    assert type(model[1]) is nn.Conv1d
    assert point.forward_flops == pytest.approx(dense, rel=1e-3)
