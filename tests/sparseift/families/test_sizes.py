"""The paper's sizes (its section 1 table and the official code), where its rounding allows."""

import pytest

from sparseift import catalog
from sparseift.building import plan_point
from sparseift.errors import Infeasible, InvalidValue
from sparseift.families import doped, factorized, parallel
from sparseift.families.family import LayerShape
from sparseift.families.wide import wide_size, width_factor
from sparseift.records import DataShape

SQUARE = LayerShape(768, 768)
CIFAR_LAYERS = [(64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]
CIFAR100 = DataShape("images", (3, 32, 32), 100, 50_000)


@pytest.mark.parametrize(("s", "k", "d", "d_doped"), [(0.5, 2**0.5, 768, 192), (0.75, 2.0, 1536, 288)])
def test_a_768_by_768_linear_layer(s: float, k: float, d: int, d_doped: int) -> None:
    assert width_factor(s) == pytest.approx(k)
    assert factorized.size(SQUARE, s) == d
    assert doped.size(SQUARE, s) == d_doped


def test_a_768_by_768_linear_layer_at_ninety_percent() -> None:
    assert width_factor(0.9) == pytest.approx(3.1623, abs=1e-4)
    assert factorized.size(SQUARE, 0.9) == 3840  # not 3841: 1 − .9 is not .1 in floats
    assert doped.size(SQUARE, 0.9) == 345  # 345.6, rounded down


def test_wide_widths_of_cifar_resnet18() -> None:
    assert [wide_size(64, s) for s in (0.5, 0.75, 0.9)] == [90, 128, 202]


def test_wide_keeps_multiples_of_heads_and_never_narrows() -> None:
    assert wide_size(768, 0.5, multiple=12) == 1080
    with pytest.raises(Infeasible, match="no wider than the dense network"):
        wide_size(16, 0.3, multiple=4)


def test_factorized_ranks_of_cifar_resnet18() -> None:
    ranks = [factorized.size(LayerShape(i, o, 9), 0.5) for i, o in CIFAR_LAYERS]
    assert ranks == [116, 210, 231, 419, 461, 838, 922]


def test_doped_ranks_of_cifar_resnet18() -> None:
    ranks = [doped.size(LayerShape(i, o, 9), 0.5) for i, o in CIFAR_LAYERS]
    assert ranks == [28, 52, 57, 104, 115, 209, 230]


def test_parallel_has_only_integers() -> None:
    assert [parallel.size(SQUARE, s) for s in (0.5, 2 / 3, 0.75, 0.9)] == [2, 3, 4, 10]
    assert [round(parallel.snap(s), 3) for s in (0.3, 0.4, 0.6, 0.7, 0.85)] == [0.3, 0.5, 0.5, 0.667, 0.857]
    with pytest.raises(Infeasible, match="integer") as refusal:
        parallel.size(SQUARE, 0.6)
    assert refusal.value.nearest == (0.5, 0.6667)
    with pytest.raises(Infeasible):
        parallel.size(SQUARE, 0.3)


def test_ranks_of_grouped_layers_are_multiples_of_the_groups() -> None:
    layer = LayerShape(32, 64, 9, groups=8)
    assert factorized.size(layer, 0.7) % 8 == 0
    assert doped.size(layer, 0.7) % 8 == 0
    assert doped.size(LayerShape(4, 4), 0.01) == 1


@pytest.mark.parametrize("bad", [-0.1, 1.0, float("nan")])
def test_sparsity_outside_its_range(bad: float) -> None:
    with pytest.raises(InvalidValue, match="must lie in"):
        width_factor(bad)


@pytest.mark.parametrize(("s", "matched"), [(0.5, 0.496), (0.75, 0.752), (0.9, 0.901)])
def test_the_matched_sparsity_of_cifar_resnet18_wide(s: float, matched: float) -> None:
    """The official widths at truly equal FLOPs need the sparsities that were measured on the official code."""
    point = plan_point(catalog.get("model", "resnet18"), {}, CIFAR100, "sparse_wide", s)
    assert point.sparsity == pytest.approx(matched, abs=0.003)  # the official profiler also counts norms and additions
    assert point.flop_ratio == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(("s", "matched"), [(0.5, 0.510), (0.75, 0.769), (0.9, 0.916)])
def test_the_matched_sparsity_of_imagenet_resnet18_wide(s: float, matched: float) -> None:
    shape = DataShape("images", (3, 224, 224), 1000, 1_281_167)
    point = plan_point(catalog.get("model", "resnet18"), {"imagenet_stem": 1}, shape, "sparse_wide", s)
    assert point.sparsity == pytest.approx(matched, abs=0.003)  # the official profiler also counts norms and additions
