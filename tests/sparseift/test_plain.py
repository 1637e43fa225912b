"""Out of a sparse model comes a plain one with the same outputs."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from sparseift.families.blocks import Doped, Factorized, Packed, Parallel
from sparseift.plain import remove_masks, squash

BLOCKS = {"parallel": (Parallel, 3), "factorized": (Factorized, 8), "doped": (Doped, 4)}
LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "linear": (nn.Linear(8, 6), (5, 3, 8)),
    "linear without bias": (nn.Linear(8, 6, bias=False), (5, 8)),
    "conv1d": (nn.Conv1d(4, 6, 3, padding=1), (2, 4, 9)),
    "conv2d": (nn.Conv2d(4, 6, (3, 2), stride=2, padding=1, dilation=2, padding_mode="reflect"), (2, 4, 9, 9)),
    "grouped": (nn.Conv2d(4, 6, 3, groups=2), (2, 4, 7, 7)),
    "conv3d": (nn.Conv3d(2, 4, 2, padding=1), (2, 2, 4, 4, 4)),
}


def block(kind: str, layer: nn.Module, sigma: str = "identity") -> Any:
    """A block in double precision, half of whose masked weights are masked."""
    make, size = BLOCKS[kind]
    built = make(copy.deepcopy(layer).double(), size, sigma)
    for name in built.masked:
        owner, weight = built.get_submodule(name.removesuffix(".weight")), built.get_parameter(name)
        mask = (torch.rand(weight.shape) < 0.5).to(torch.uint8)
        owner.register_buffer("weight_mask", mask)
        with torch.no_grad():
            weight.mul_(mask)
    return built


def test_a_parallel_block_folds_into_the_sum_of_its_branches() -> None:
    built = Parallel(nn.Linear(2, 1), 2, "identity")
    with torch.no_grad():
        built.branches[0].weight.copy_(torch.tensor([[1.0, 2.0]]))
        built.branches[1].weight.copy_(torch.tensor([[10.0, -2.0]]))
        built.output.bias.fill_(3.0)
    layer = squash(built)
    assert type(layer) is nn.Linear
    assert layer.weight.tolist() == [[11.0, 0.0]]
    assert layer.bias.tolist() == [3.0]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("kind", BLOCKS)
def test_a_block_without_a_nonlinearity_folds_into_the_layer_it_replaced(kind: str, layer: str) -> None:
    torch.manual_seed(0)
    original, shape = LAYERS[layer]
    model = nn.Sequential(block(kind, original)).eval()
    x = torch.randn(shape, dtype=torch.float64)
    before = model(x)
    assert squash(model) is model
    assert type(model[0]) is type(original)
    assert model.state_dict().keys() == nn.Sequential(original).state_dict().keys()
    assert not model[0].training
    torch.testing.assert_close(model(x), before, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", BLOCKS)
def test_a_block_with_a_nonlinearity_only_loses_its_masks(kind: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(block(kind, nn.Linear(8, 6), "gelu"), nn.ReLU())
    x = torch.randn(5, 8, dtype=torch.float64)
    before, zeros = model(x), [int((p == 0).sum()) for p in model.parameters()]
    squash(model)
    assert isinstance(model[0], BLOCKS[kind][0])
    assert not list(model.buffers())
    assert [int((p == 0).sum()) for p in model.parameters()] == zeros
    assert torch.equal(model(x), before)


def test_the_parts_of_a_packed_projection_fold_into_one_layer_or_stay_together() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 8, dtype=torch.float64)
    model = nn.Sequential(Packed(block("doped", nn.Linear(8, 6)) for _ in range(3)))
    before = model(x)
    squash(model)
    assert type(model[0]) is nn.Linear
    assert model[0].weight.shape == (18, 8)
    torch.testing.assert_close(model(x), before, rtol=0, atol=1e-12)

    mixed = nn.Sequential(Packed([block("doped", nn.Linear(8, 6)), block("doped", nn.Linear(8, 6), "relu")]))
    before = mixed(x)
    squash(mixed)
    assert isinstance(mixed[0], Packed)
    assert torch.equal(mixed(x), before)


def test_a_shared_block_is_folded_wherever_it_stands() -> None:
    shared = block("factorized", nn.Linear(6, 6))
    model = squash(nn.Sequential(shared, nn.ReLU(), shared))
    assert type(model[0]) is nn.Linear
    assert model[0] is model[2]


def test_removing_masks_zeroes_what_they_cover_and_leaves_other_buffers() -> None:
    layer = nn.Linear(2, 2)
    layer.register_buffer("weight_mask", torch.tensor([[1, 0], [0, 1]], dtype=torch.uint8))
    layer.register_buffer("weight_target", torch.tensor(2))
    layer.register_buffer("attention_mask", torch.ones(2))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, float("nan")], [-3.0, 4.0]]))
    assert remove_masks(layer) is layer
    assert layer.weight.tolist() == [[1.0, 0.0], [0.0, 4.0]]
    assert set(layer.state_dict()) == {"weight", "bias", "attention_mask"}


def test_folding_keeps_dtype_device_and_what_is_frozen() -> None:
    source = nn.Linear(8, 6).to(torch.bfloat16)
    built = Doped(source, 4, "identity")
    built.u.weight.requires_grad_(False)
    state = torch.get_rng_state()
    layer = squash(built)
    assert torch.equal(torch.get_rng_state(), state)
    assert layer.weight.dtype == torch.bfloat16
    assert not layer.weight.requires_grad
    assert layer.bias.requires_grad
