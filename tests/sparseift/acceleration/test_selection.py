"""A layout is taken where the probe says that it is faster, and nowhere else. No clock decides a test."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import nn

from sparseift.acceleration.probe import Run
from sparseift.acceleration.selection import accelerate
from sparseift.errors import InvalidValue, UnknownName
from sparseift.export.layouts import CompressedLinear
from tests.sparseift.export.samples import assert_equal_bits, masked, sparse_net

Fake = Callable[[Sequence[Run], int, torch.device], list[float]]


def clock(*seconds: float) -> Fake:
    """A probe that runs everything once and answers these seconds, as many as it is asked for."""

    def probe(runs: Sequence[Run], repeats: int, device: torch.device) -> list[float]:
        for run in runs:
            run()
        return list(seconds[: len(runs)])

    return probe


def block_masked(layer: nn.Linear, block: int) -> nn.Linear:
    """One block of four kept."""
    rows, columns = (side // block for side in layer.weight.shape)
    keep = (torch.arange(rows * columns).view(rows, columns) % 4 == 0).to(torch.uint8)
    layer.register_buffer("weight_mask", keep.repeat_interleave(block, 0).repeat_interleave(block, 1))
    with torch.no_grad():
        layer.weight.mul_(layer.weight_mask)
    return layer


def model_of(size: int = 64) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, size), masked(nn.Linear(size, size), 0.1), nn.ReLU())


def test_the_fastest_layout_is_taken_on_a_copy() -> None:
    model = model_of().train()
    before = copy.deepcopy(model)
    x = torch.randn(2, 5, 8)
    fast, report = accelerate(model, x, candidates=["csr", "bsr:2"], probe=clock(10e-6, 4e-6, 5e-6))
    assert isinstance(fast[1], CompressedLinear)  # type: ignore[index]
    assert fast[1].block == 1  # type: ignore[index]
    assert not fast.training
    assert model.training
    assert_equal_bits(model, before)
    assert type(model[1]) is nn.Linear
    torch.testing.assert_close(fast(x), model(x))
    (layer,) = report.layers
    assert (layer.name, layer.shape, layer.rows, layer.chosen) == ("1", (64, 64), 10, "csr")
    assert layer.speedup == pytest.approx(2.5)
    assert layer.why == "csr was 2.50 times as fast as masked dense"
    assert [(t.layout, t.seconds, t.reason) for t in layer.tried] == [("csr", 4e-6, ""), ("bsr:2", 5e-6, "")]
    assert report.speedup == pytest.approx(2.5)


@pytest.mark.parametrize(("seconds", "taken"), [(10e-6 / 1.06, True), (10e-6 / 1.04, False), (12e-6, False)])
def test_a_layout_within_the_margin_is_left(seconds: float, taken: bool) -> None:
    fast, report = accelerate(model_of(), torch.randn(3, 8), candidates=["csr"], probe=clock(10e-6, seconds))
    (layer,) = report.layers
    assert isinstance(fast[1], CompressedLinear) == taken  # type: ignore[index]
    assert layer.chosen == ("csr" if taken else None)
    if not taken:
        assert layer.speedup == 1.0
        assert layer.why.startswith("stays dense: csr was")
        assert layer.why.endswith("below the margin of 1.05")


def test_what_cannot_run_is_not_measured() -> None:
    asked: list[int] = []

    def probe(runs: Sequence[Run], repeats: int, device: torch.device) -> list[float]:
        asked.append(len(runs))
        return [1.0] * len(runs)

    x = torch.randn(3, 8)
    layouts = ["2:4", "bsr:16", "bsr:7"]
    fast, report = accelerate(model_of(), x, candidates=layouts, probe=probe)
    assert asked == [2]  # only the whole forward, before and after
    (layer,) = report.layers
    reasons = {t.layout: t.reason for t in layer.tried}
    assert "CUDA" in reasons["2:4"]
    assert reasons["bsr:16"] == "100% of the 16 × 16 blocks hold a weight that is not zero"
    assert "do not divide" in reasons["bsr:7"]
    assert layer.chosen is None
    assert all(reason in layer.why for reason in reasons.values())
    assert type(fast[1]) is nn.Linear  # type: ignore[index]


def test_blocks_are_tried_on_masks_of_blocks() -> None:
    model = nn.Sequential(block_masked(nn.Linear(64, 64), 16))
    x = torch.randn(3, 64)
    fast, report = accelerate(model, x, probe=clock(9.0, 3.0, 1.0, 2.0))
    assert [t.layout for t in report.layers[0].tried] == ["csr", "bsr:16", "bsr:32"]
    assert report.layers[0].chosen == "bsr:16"
    torch.testing.assert_close(fast(x), model(x))


def test_a_layout_with_other_outputs_is_not_taken() -> None:
    model = model_of()
    with torch.no_grad():
        model[1].weight.fill_(1.0)  # not zero under the mask: the dense layer computes something else
    _, report = accelerate(model, torch.randn(3, 8), candidates=["csr"], probe=clock(9.0, 1.0))
    assert "its outputs differ by" in report.layers[0].tried[0].reason
    assert report.layers[0].chosen is None


def test_every_layer_is_reported_on_its_own_input() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used = masked(nn.Linear(8, 8))
            self.unused = masked(nn.Linear(8, 8))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.used(x[:1]) + self.used(x).sum(0)

    _, report = accelerate(Twice(), {"x": torch.randn(6, 8)}, candidates=["csr"], probe=clock(2.0, 1.0))
    layers: dict[str, Any] = {layer.name: layer for layer in report.layers}
    assert layers["used"].rows == 6  # the largest of its calls
    assert layers["used"].chosen == "csr"
    assert layers["unused"].why == "stays dense: the example does not use it"


def test_layers_called_with_keywords_are_accelerated_too() -> None:
    class Keywords(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = masked(nn.Linear(8, 8))

        def forward(self, x: torch.Tensor) -> Any:
            return self.layer(input=x)

    x = torch.randn(6, 8)
    model = Keywords()
    fast, report = accelerate(model, x, candidates=["csr"], probe=clock(2.0, 1.0))
    assert (report.layers[0].rows, report.layers[0].chosen) == (6, "csr")
    torch.testing.assert_close(fast(x), model(x))


def test_blocks_convolutions_and_attention_in_one_model() -> None:
    model = sparse_net().eval()
    x = torch.randn(2, 3, 5, 5)
    fast, report = accelerate(model, x, candidates=["csr"], probe=clock(2.0, 1.0))
    chosen = {layer.name: layer.chosen for layer in report.layers}
    assert chosen["middle.u"] == chosen["qkv.parts.0.theta"] == chosen["attention.q_proj"] == "csr"
    assert chosen["conv.branches.0.weight"] is None
    torch.testing.assert_close(fast(x), model(x))


def test_the_table_says_what_was_chosen_and_why() -> None:
    _, report = accelerate(sparse_net(), torch.randn(2, 3, 5, 5), candidates=["csr", "2:4"], probe=clock(4e-6, 2e-6))
    text = str(report)
    assert "Training is not accelerated." in text
    assert "middle.u" in text
    assert "csr 2, 2:4 -" in text
    assert "conv.branches.0.weight: stays dense: torch has no sparse kernels for convolutions" in text
    assert "Whole forward: 4 us masked dense, 2 us now (2.00x)." in text


def test_arguments_outside_their_range_are_refused() -> None:
    x = torch.randn(3, 8)
    with pytest.raises(InvalidValue, match="has no masks"):
        accelerate(nn.Sequential(nn.Linear(8, 8)), x)
    with pytest.raises(UnknownName, match="layout 'coo'"):
        accelerate(model_of(), x, candidates=["coo"])
    for wrong in ({"margin": 0.9}, {"margin": float("nan")}, {"repeats": 0}):
        with pytest.raises(InvalidValue, match="must be at least 1"):
            accelerate(model_of(), x, **wrong)  # type: ignore[arg-type]


def test_the_real_probe_measures_every_candidate() -> None:
    _, report = accelerate(model_of(), torch.randn(3, 8), candidates=["csr"], repeats=2)
    (layer,) = report.layers
    assert layer.dense_seconds
    assert layer.tried[0].seconds
    assert report.seconds
