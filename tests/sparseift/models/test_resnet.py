"""ResNet against published sizes."""

import pytest
import torch
from torch import nn

from sparseift import catalog
from sparseift.building import build_sparse
from sparseift.flops import count
from sparseift.masks.state import masks_of
from sparseift.models.resnet import build, build_resnet18, build_resnet34, build_resnet50
from sparseift.records import DataShape

CIFAR100 = DataShape("images", (3, 32, 32), 100, 50_000)


def test_resnet18_has_the_official_parameters() -> None:
    with torch.device("meta"):
        model = build_resnet18(CIFAR100, width=64, imagenet_stem=0)
    assert sum(p.numel() for p in model.parameters()) == 11_220_132


def test_resnet18_at_224_costs_what_a_hand_count_says() -> None:
    shape = DataShape("images", (3, 224, 224), 1000, 1)
    with torch.device("meta"):
        model = build_resnet18(shape, width=64, imagenet_stem=1)
    assert count(model, torch.zeros(1, 3, 224, 224, device="meta")).total == 3_628_146_688


def test_resnet34_has_torchvisions_parameters_with_imagenets_stem() -> None:
    with torch.device("meta"):
        model = build_resnet34(DataShape("images", (3, 224, 224), 1000, 1), width=64, imagenet_stem=1)
    assert sum(p.numel() for p in model.parameters()) == 21_797_672


def test_resnet50_at_224_has_the_parameters_and_costs_of_a_hand_count() -> None:
    """Per block 1x1 (a → m), 3x3 (m → m), 1x1 (m → 4m), norms; on each stage's first one a 1x1 shortcut (a → 4m)."""
    with torch.device("meta"):
        model = build_resnet50(DataShape("images", (3, 224, 224), 1000, 1), width=64, imagenet_stem=1)
    parameters, macs = 64 * 3 * 49 + 2 * 64, 64 * 3 * 49 * 112**2
    a = 64
    for m, blocks, side in ((64, 3, 56), (128, 4, 28), (256, 6, 14), (512, 3, 7)):
        for j in range(blocks):
            # Only a stage's first 1x1 sees the larger image: the 3x3 carries the stride.
            side_before = 2 * side if j == 0 and m > 64 else side
            macs += a * m * side_before**2 + (9 * m * m + 4 * m * m + (a * 4 * m if j == 0 else 0)) * side**2
            parameters += a * m + 13 * m * m + 2 * (m + m + 4 * m) + ((a * 4 * m + 2 * 4 * m) if j == 0 else 0)
            a = 4 * m
    parameters, macs = parameters + 2048 * 1000 + 1000, macs + 2048 * 1000
    assert (parameters, macs) == (25_557_032, 4_089_184_256)  # the published ones
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert count(model, torch.zeros(1, 3, 224, 224, device="meta")).total == 2 * macs


def test_stages_double_channels_and_halve_the_image() -> None:
    model = build(CIFAR100, width=4, stages=3, blocks=2)
    assert [len(stage) for stage in model.stages] == [2, 2, 2]
    assert model.stages(model.stem(torch.zeros(1, 3, 32, 32))).shape == (1, 16, 8, 8)


def test_convolutions_start_with_he_fan_out() -> None:
    torch.manual_seed(0)
    weight = build(CIFAR100, width=64, stages=1, blocks=1).stages[0][0].conv1.weight  # type: ignore[index, union-attr]
    expected = (2.0 / (64 * 9)) ** 0.5
    assert abs(weight.std().item() / expected - 1.0) < 0.02


@pytest.mark.parametrize("family", sorted(catalog.FAMILIES))
def test_shortcuts_are_masked_and_never_transformed(family: str) -> None:
    model, _ = build_sparse(catalog.get("model", "resnet18"), {"width": 16}, CIFAR100, family, 0.5)
    shortcuts = [f"stages.{stage}.0.shortcut.conv" for stage in (1, 2, 3)]
    assert {f"{path}.weight" for path in shortcuts} <= masks_of(model).keys()
    assert {type(model.get_submodule(path)) for path in shortcuts} == {nn.Conv2d}
