"""Automatic widening: what grows, what is refused and why. Torch-Pruning only reads the graph; growing is ours."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional as F

from sparseift.coupling import couplings, within
from sparseift.errors import InvalidValue
from sparseift.masks.state import masks_of
from sparseift.models.mobilenet import MobileNetV2
from sparseift.models.resnet import ResNet
from sparseift.models.vit import ViT
from sparseift.pruning import widen_model, widener
from sparseift.widening import plan_widen, widen

IMAGE = torch.zeros(1, 3, 16, 16)


def vgg() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 20),
        nn.ReLU(),
        nn.Linear(20, 10),
    )


class Dense(nn.Module):
    """Each layer reads all that came before it (DenseNet), from the stem on or from the image on."""

    def __init__(self, *, with_image: bool) -> None:
        super().__init__()
        self.with_image = with_image
        self.stem = nn.Conv2d(3, 5, 3, padding=1)
        start = 8 if with_image else 5
        self.second = nn.Conv2d(start, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(start + 6)
        self.third = nn.Conv2d(start + 6, 8, 3, padding=1)
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x).relu()
        if self.with_image:
            y = torch.cat([x, y], 1)
        y = torch.cat([y, self.second(y).relu()], 1)
        y = self.third(self.norm(y)).relu()
        logits: Tensor = self.head(y.mean((2, 3)))
        return logits


class Grouped(nn.Module):
    """A convolution of 4 groups and a norm of 2."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 1)
        self.middle = nn.Conv2d(12, 8, 3, groups=4)
        self.norm = nn.GroupNorm(2, 8)
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.norm(self.middle(self.stem(x).relu())).relu().amax((2, 3)))
        return logits


class Written(nn.Module):
    """Its forward says 32 where a width stands."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.middle, self.head = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1), nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(F.adaptive_avg_pool2d(self.middle(self.stem(x)), 2).view(-1, 32))
        return logits


def shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(p.shape) for name, p in model.named_parameters()}


def test_a_small_vgg_doubles_by_hand() -> None:
    expected = {
        "0.weight": (16, 3, 3, 3),
        "0.bias": (16,),
        "1.weight": (16,),
        "1.bias": (16,),
        "4.weight": (32, 16, 3, 3),
        "4.bias": (32,),
        "8.weight": (40, 128),  # 32 channels of 2x2
        "8.bias": (40,),
        "10.weight": (10, 40),
        "10.bias": (10,),
    }
    model = vgg()
    before = shapes(model)
    assert shapes(widen_model(model, IMAGE, 2.0)) == expected
    assert shapes(model) == before


@pytest.mark.parametrize(
    "build",
    [
        lambda width: ResNet(3, 10, width, (1, 2, 1)),
        lambda width: ResNet(3, 10, width, (2, 1), bottleneck=True),
        lambda width: ResNet(3, 10, width, (1, 1), imagenet_stem=True),
        lambda width: MobileNetV2(3, 10, width),
    ],
    ids=["basic blocks", "bottlenecks", "imagenet's stem", "mobilenet"],
)
def test_it_agrees_with_the_models_own_width_argument(build: Callable[[int], nn.Module]) -> None:
    assert shapes(widen_model(build(8), IMAGE, 2.0)) == shapes(build(16))
    assert widen_model(build(8), IMAGE, 1.4)(IMAGE.repeat(2, 1, 1, 1)).shape == (2, 10)


def test_what_is_concatenated_grows_share_by_share() -> None:
    wide = shapes(widen_model(Dense(with_image=False), IMAGE, 1.5))
    assert wide["stem.weight"] == (8, 3, 3, 3)  # 7.5
    assert wide["second.weight"] == (9, 8, 3, 3)
    assert wide["norm.weight"] == (8 + 9,)
    assert wide["third.weight"] == (12, 17, 3, 3)


def test_groups_stay_and_dimensions_are_their_multiples() -> None:
    wide = widen_model(Grouped(), IMAGE, 1.4)
    assert shapes(wide)["middle.weight"] == (12, 4, 3, 3)  # 16.8 and 11.2, to the nearest multiples of 4
    middle = wide.get_submodule("middle")
    assert isinstance(middle, nn.Conv2d)
    assert (middle.in_channels, middle.out_channels, middle.groups) == (16, 12, 4)


def test_a_seed_decides_the_weights() -> None:
    model = vgg()
    one, same, other = (widen_model(model, IMAGE, 1.5, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["4.weight"], other["4.weight"])


def test_sparse_wide_of_a_built_model_keeps_its_flops() -> None:
    torch.manual_seed(0)
    model = ResNet(3, 10, 8, (1, 1, 1))
    planned = plan_widen(model, 0.75, IMAGE)
    wide, point = widen(model, 0.75, IMAGE)
    assert point.parameters == planned.parameters == sum(p.numel() for p in wide.parameters())
    assert abs(point.flop_ratio - 1.0) <= 1e-3
    assert "stages.1.0.conv1.weight" in masks_of(wide)
    assert shapes(wide) == shapes(ResNet(3, 10, 16, (1, 1, 1)))
    assert not any(p.is_meta for p in wide.parameters())


def test_a_model_on_the_meta_device_is_planned() -> None:
    with torch.device("meta"):
        model = ResNet(3, 10, 8, (1, 1, 1))
    assert abs(plan_widen(model, 0.75, IMAGE.to("meta")).flop_ratio - 1.0) <= 1e-3


def test_the_widest_interior_dimension_is_the_width() -> None:
    made = widener(ResNet(3, 10, 8, (1, 1)), IMAGE)
    assert (made.width, made.multiple) == (16, 1)


def _gpt2() -> Any:
    return transformers.GPT2Model(transformers.GPT2Config(vocab_size=50, n_positions=8, n_embd=8, n_layer=1, n_head=2))


REFUSED: dict[str, tuple[Callable[[], nn.Module], Tensor, str]] = {
    "raw parameters": (lambda: ViT((3, 16, 16), 10, 8, 1, 2, 4), IMAGE, "belongs to no layer and cannot grow"),
    "a written size": (Written, IMAGE, "The widened model does not run"),
    "attention": (
        lambda: nn.Sequential(nn.Linear(4, 8), nn.TransformerEncoderLayer(8, 2, 16), nn.Linear(8, 3)),
        torch.zeros(1, 5, 4),
        "MultiheadAttention, which cannot be grown",
    ),
    "a concatenated image": (lambda: Dense(with_image=True), IMAGE, "'third' lies between the ends, but would have"),
    "no interior": (lambda: nn.Linear(4, 3), torch.zeros(1, 4), "found no interior dimension"),
    "gpt-2": (_gpt2, torch.zeros(1, 8, dtype=torch.int64), "Tracing GPT2Model failed"),
    "a wrong example": (vgg, torch.zeros(1, 4, 16, 16), "Tracing Sequential failed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_it_cannot_follow_is_refused_with_reason_and_advice(name: str) -> None:
    build, example, reason = REFUSED[name]
    with pytest.raises(InvalidValue, match=rf"cannot be widened automatically\. .*{reason}.*Pass a builder"):
        widen_model(build(), example, 2.0)


def test_tied_weights_are_refused() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3))
    model[2].weight = model[1].weight
    with pytest.raises(InvalidValue, match=r"tied to those of '[12]'"):
        widen_model(model, torch.zeros(1, 4), 2.0)


def test_an_output_that_would_grow_is_refused() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.middle, self.head = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            features = self.middle(self.stem(x).relu())
            return self.head(features), features

    with pytest.raises(InvalidValue, match="cannot be widened automatically"):
        widen_model(Two(), torch.zeros(1, 4), 2.0)


def test_a_trace_without_end_is_given_up() -> None:
    """Torch-Pruning's search for the groups of a Llama does not end."""
    config = transformers.LlamaConfig(
        vocab_size=50, hidden_size=16, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4
    )
    before = threading.active_count()
    with pytest.raises(InvalidValue, match="took longer than 1 s and was given up"):
        widen_model(transformers.LlamaModel(config), {"input_ids": torch.arange(8)[None]}, 2.0, timeout=1.0)
    assert threading.active_count() == before


def test_work_ends_in_time_or_is_stopped() -> None:
    assert within(10.0, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(10.0, lambda: 1 // 0)
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        within(0.05, _forever)
    assert time.monotonic() - started < 4.0


def _forever() -> None:
    while True:
        pass


def test_couplings_of_two_layers_by_hand() -> None:
    found = couplings(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), torch.zeros(1, 4), 60.0)
    assert [(c.channels, c.multiple, c.shares) for c in found.interior] == [(8, 1, {("0", "out"): 8, ("2", "in"): 8})]
    assert (found.layers, found.reads_input, found.feeds_output) == ({"0", "2"}, {"0"}, {"2"})


@pytest.mark.parametrize("factor", [0.5, float("nan"), float("inf")])
def test_a_factor_below_one_is_refused(factor: float) -> None:
    with pytest.raises(InvalidValue, match=rf"factor is {factor:g}; it must be at least 1"):
        widen_model(vgg(), IMAGE, factor)
