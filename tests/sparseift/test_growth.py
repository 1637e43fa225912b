"""Single layers made larger: sizes by hand, scales, what stays constant."""

from typing import Any

import pytest
import torch
from torch import nn

from sparseift.growth import GROWTH, Side, grow, is_depthwise

CASES: dict[str, tuple[Any, dict[Side, int], dict[str, tuple[int, ...]], tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(4, 6), {"in": 8, "out": 9}, {"weight": (9, 8), "bias": (9,)}, (2, 8)),
    "linear, one side": (lambda: nn.Linear(4, 6), {"out": 12}, {"weight": (12, 4), "bias": (12,)}, (2, 4)),
    "conv1d": (lambda: nn.Conv1d(4, 6, 3), {"in": 8}, {"weight": (6, 8, 3), "bias": (6,)}, (2, 8, 9)),
    "grouped": (
        lambda: nn.Conv2d(4, 6, 3, groups=2, bias=False),
        {"in": 8, "out": 10},
        {"weight": (10, 4, 3, 3)},
        (2, 8, 9, 9),
    ),
    "depthwise": (
        lambda: nn.Conv2d(4, 4, 3, groups=4, bias=False),
        {"out": 6},
        {"weight": (6, 1, 3, 3)},
        (2, 6, 9, 9),
    ),
    "transposed": (
        lambda: nn.ConvTranspose2d(4, 6, 2),
        {"in": 8, "out": 12},
        {"weight": (8, 12, 2, 2), "bias": (12,)},
        (2, 8, 4, 4),
    ),
    "batch norm": (
        lambda: nn.BatchNorm2d(4),
        {"out": 6},
        {"weight": (6,), "bias": (6,), "running_mean": (6,), "running_var": (6,), "num_batches_tracked": ()},
        (2, 6, 3, 3),
    ),
    "instance norm": (lambda: nn.InstanceNorm2d(4), {"out": 6}, {}, (2, 6, 3, 3)),
    "group norm": (lambda: nn.GroupNorm(2, 4), {"out": 6}, {"weight": (6,), "bias": (6,)}, (2, 6, 3)),
    "layer norm": (lambda: nn.LayerNorm(4), {"out": 6}, {"weight": (6,), "bias": (6,)}, (2, 6)),
    "prelu": (lambda: nn.PReLU(4), {"out": 6}, {"weight": (6,)}, (2, 6)),
    "prelu, shared": (lambda: nn.PReLU(), {"out": 6}, {"weight": (1,)}, (2, 6)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_grown_layer_has_the_sizes_asked_for_and_runs(name: str) -> None:
    make, sizes, expected, inputs = CASES[name]
    layer = make()
    grow(layer, sizes, None)
    assert {key: tuple(tensor.shape) for key, tensor in layer.state_dict().items()} == expected
    assert layer(torch.randn(inputs)).isfinite().all()
    built_so = eval(repr(layer), vars(nn))  # its attributes say what it is now
    assert {key: tuple(t.shape) for key, t in built_so.state_dict().items()} == expected


def test_an_embedding_grows_and_keeps_its_padding() -> None:
    layer = nn.Embedding(5, 4, padding_idx=2)
    grow(layer, {"out": 6}, None)
    assert layer(torch.tensor([[2, 3]])).shape == (1, 2, 6)
    assert not layer.weight[2].any()
    assert layer.embedding_dim == 6


def test_weights_keep_their_gain() -> None:
    """He's normal of √(2 / 50) becomes √(2 / 200) when a linear layer reads four times as much."""
    torch.manual_seed(0)
    layer = nn.Linear(50, 400)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    grow(layer, {"in": 200}, None)
    assert layer.weight.std().item() == pytest.approx((2 / 200) ** 0.5, rel=0.02)


def test_depthwise_kernels_keep_their_scale_because_their_inputs_stay() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(500, 500, 3, groups=500, bias=False)
    nn.init.normal_(layer.weight, std=0.5)
    grow(layer, {"out": 1000}, None)
    assert is_depthwise(layer)
    assert layer.weight.std().item() == pytest.approx(0.5, rel=0.02)


def test_zeros_stay_zeros_and_constants_constants() -> None:
    layer, norm = nn.Linear(4, 4), nn.BatchNorm1d(4)
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, 0.5)
    nn.init.zeros_(norm.weight)
    grow(layer, {"in": 8, "out": 8}, None)
    grow(norm, {"out": 8}, None)
    assert not layer.weight.any()
    assert (layer.bias == 0.5).all()
    assert not norm.weight.any()


def test_trained_norms_start_anew() -> None:
    norm = nn.BatchNorm1d(4)
    norm.train()(torch.randn(8, 4) + 3.0)
    nn.init.normal_(norm.weight)
    grow(norm, {"out": 8}, None)
    assert (norm.weight == 1.0).all()
    assert norm.running_mean is not None
    assert not norm.running_mean.any()
    assert norm.num_batches_tracked == 0


def test_dtype_frozen_parameters_and_the_meta_device_are_kept() -> None:
    layer = nn.Linear(4, 4, dtype=torch.float64).requires_grad_(False)
    grow(layer, {"in": 8}, None)
    assert layer.weight.dtype == torch.float64
    assert not layer.weight.requires_grad
    grow(layer, {"in": 16}, torch.device("meta"))
    assert layer.weight.is_meta
    assert layer.weight.shape == (4, 16)


def test_every_entry_names_an_attribute_of_its_layer() -> None:
    made = [make() for make, *_ in CASES.values()]
    for layer in made:
        for attribute in GROWTH[type(layer)].sides.values():
            assert getattr(layer, attribute)
