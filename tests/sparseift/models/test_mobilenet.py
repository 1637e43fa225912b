"""MobileNetV2 against published sizes."""

import pytest
import torch
from torch import nn

from sparseift import catalog
from sparseift.building import build_sparse
from sparseift.errors import InvalidValue
from sparseift.flops import count
from sparseift.masks.state import masks_of
from sparseift.models.mobilenet import MobileNetV2, build
from sparseift.records import DataShape

IMAGENET = DataShape("images", (3, 224, 224), 1000, 1)
CIFAR10 = DataShape("images", (3, 32, 32), 10, 50_000)


def test_it_has_the_parameters_and_costs_of_a_hand_count() -> None:
    """Per block 1x1 (a → ta), 3x3 depthwise (ta), 1x1 (ta → c), and a norm behind each."""
    with torch.device("meta"):
        model = build(IMAGENET, width=32, imagenet_strides=1)
    parameters, macs = 32 * 27 + 2 * 32, 32 * 27 * 112**2
    a, side = 32, 112
    table = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for t, c, n, s in table:
        for j in range(n):
            inner = t * a
            if t > 1:
                macs, parameters = macs + a * inner * side**2, parameters + a * inner + 2 * inner
            side //= s if j == 0 else 1
            macs += (9 * inner + inner * c) * side**2
            parameters += 9 * inner + 2 * inner + inner * c + 2 * c
            a = c
    parameters += 320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000
    macs += 320 * 1280 * 49 + 1280 * 1000
    assert (parameters, macs) == (3_504_872, 300_774_272)  # the published ones
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert count(model, torch.zeros(1, 3, 224, 224, device="meta")).total == 2 * macs


def test_small_images_shrink_to_an_eighth() -> None:
    model = MobileNetV2(3, 10, 8).eval()
    assert model.last(model.blocks(model.stem(torch.zeros(1, 3, 32, 32)))).shape == (1, 320, 4, 4)


def test_a_width_scales_all_channels_to_the_nearest_integer() -> None:
    model = MobileNetV2(3, 10, 45)
    assert [block.project.out_channels for block in model.blocks][:4] == [23, 34, 34, 45]  # 22.5 and 33.75 round up
    assert model.head.in_features == 1800
    with pytest.raises(InvalidValue, match="width is 0; it must be at least 1"):
        MobileNetV2(3, 10, 0)


def test_depthwise_kernels_start_by_their_own_fan_out() -> None:
    torch.manual_seed(0)
    kernels = MobileNetV2(3, 10, 64).blocks[14].filter.depthwise.weight  # type: ignore[union-attr]
    assert kernels.shape == (1920, 1, 3, 3)
    assert abs(kernels.std().item() / (2 / 9) ** 0.5 - 1.0) < 0.02


@pytest.mark.parametrize("family", sorted(catalog.FAMILIES))
def test_depthwise_layers_stay_dense_and_the_rest_pays(family: str) -> None:
    model, point = build_sparse(catalog.get("model", "mobilenetv2"), {"width": 16}, CIFAR10, family, 0.75)
    assert abs(point.flop_ratio - 1.0) <= 1e-3
    depthwise = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    assert len(depthwise) == 17
    assert not {f"{name}.weight" for name in depthwise} & masks_of(model).keys()
    # Every 1x1 convolution of the blocks and the last one: 16 expansions, 17 projections, 1.
    masked = {name.partition(".weight_mask")[0] for name in masks_of(model)}
    assert len(masked) >= 34
