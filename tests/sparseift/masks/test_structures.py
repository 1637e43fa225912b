"""Structures by hand, then what must hold for every one of them."""

import math

import pytest
import torch
from torch import nn

from sparseift.errors import InvalidValue, UnknownName
from sparseift.ledger import Weight
from sparseift.masks.layouts import choose, draw, from_units, to_units, unit_scores
from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.state import attach_masks, masks_of
from sparseift.masks.structures import parse, start_counts
from sparseift.masks.trainer import MaskTrainer

NAMES = ("unstructured", "2:4", "1:4", "4:8", "block:4", "constant_fan_in", "channel", "head_balanced:2")
SHAPES = ((8, 16), (4, 8, 3), (8, 16, 2, 2), (4, 8, 2, 1, 3))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_units_and_back_for_every_shape(name: str, transposed: bool) -> None:
    for shape in SHAPES[:1] if transposed else SHAPES:
        layout = parse(name).layout(shape, transposed)
        weight = torch.arange(math.prod(shape)).view(shape)
        units = to_units(layout, weight)
        assert units.shape == (layout.pools, layout.units, layout.elements)
        assert torch.equal(from_units(layout, units, weight.shape), weight)
        assert layout.max_count <= weight.numel()
        assert layout.max_count % layout.quantum == 0


def test_layouts_by_hand() -> None:
    weight = torch.arange(32).view(4, 8)
    assert to_units(parse("2:4").layout((4, 8)), weight)[1].flatten().tolist() == [4, 5, 6, 7]
    assert to_units(parse("block:2").layout((4, 8)), weight)[0, 1].tolist() == [2, 3, 10, 11]
    assert to_units(parse("constant_fan_in").layout((4, 8)), weight)[2, :, 0].tolist() == list(range(16, 24))
    assert to_units(parse("channel").layout((4, 8)), weight)[0, 3].tolist() == list(range(24, 32))
    assert to_units(parse("head_balanced:2").layout((4, 8)), weight)[1, :, 0].tolist() == list(range(16, 32))
    assert to_units(parse("2:4").layout((8, 4), transposed=True), weight.t().contiguous().t().view(4, 8).t())[
        1
    ].flatten().tolist() == [4, 5, 6, 7]


def test_n_of_m_runs_over_inputs_at_one_kernel_position() -> None:
    weight = torch.arange(2 * 8 * 3).view(2, 8, 3)  # (out, in, kernel)
    pools = to_units(parse("2:4").layout((2, 8, 3)), weight).squeeze(-1)
    assert pools[1].tolist() == [1, 4, 7, 10]  # inputs 0 to 3 at kernel position 1


@pytest.mark.parametrize(
    ("name", "quantum", "most"),
    [
        ("unstructured", 1, 128), ("2:4", 1, 64), ("1:4", 1, 32), ("4:8", 1, 64), ("block:4", 16, 128),
        ("constant_fan_in", 8, 128), ("channel", 16, 128), ("head_balanced:2", 2, 128),
    ],
)  # fmt: skip
def test_numbers_by_hand(name: str, quantum: int, most: int) -> None:
    layout = parse(name).layout((8, 16))
    assert (layout.quantum, layout.max_count) == (quantum, most)
    assert layout.snap(0) == quantum
    assert layout.snap(1e9) == most
    with pytest.raises(InvalidValue, match="multiples of"):
        layout.check_count("w", most + quantum)


@pytest.mark.parametrize("scored", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_drawn_mask_has_its_count_and_obeys(name: str, scored: bool) -> None:
    for shape in SHAPES:
        layout = parse(name).layout(shape)
        for count in {layout.quantum, layout.snap(layout.max_count / 3), layout.max_count}:
            scores = torch.randn(shape, generator=torch.Generator().manual_seed(1)) if scored else None
            mask = draw(layout, torch.Size(shape), count, scores, torch.Generator().manual_seed(0))
            assert mask.dtype == torch.uint8
            assert int(mask.sum()) == count
            units = to_units(layout, mask)
            assert torch.equal(units.amin(-1), units.amax(-1))
            active = units[:, :, 0].sum(1)
            assert int(active.max()) <= layout.capacity
            assert int(active.max() - active.min()) <= 1


def test_the_highest_scores_win_signed_ones_too() -> None:
    layout = parse("block:2").layout((2, 4))
    scores = torch.tensor([[-1.0, -1.0, -9.0, 3.0], [-1.0, -1.0, 1.0, 0.0]])
    assert unit_scores(layout, scores).tolist() == [[-4.0, -5.0]]
    assert draw(layout, scores.shape, 4, scores, torch.Generator()).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0]]
    # One each, and what is left over goes to the pool whose second best is best.
    assert choose(torch.tensor([[5.0, 1.0, 0.0], [9.0, 2.0, 8.0]]), 3).tolist() == [
        [True, False, False],
        [True, False, True],
    ]


def test_refusals() -> None:
    for name in ("diagonal", "2:x", "block", "head_balanced:"):
        with pytest.raises(UnknownName, match="N:M, block:B"):
            parse(name)
    for name in ("4:4", "0:4", "5:4", "block:0", "head_balanced:0"):
        with pytest.raises(InvalidValue, match=r"1 <= N < M|at least 1"):
            parse(name)
    for name, shape, what in (
        ("2:4", (8, 6), "inputs"),
        ("block:4", (6, 8), "outputs"),
        ("block:4", (8, 2, 3, 3), "columns"),
        ("head_balanced:3", (8, 8), "outputs"),
    ):
        with pytest.raises(InvalidValue, match=f"needs {what}.*multiples"):
            parse(name).layout(shape)


def test_a_refused_mask_leaves_the_model_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(6, 8))
    weight = model[0].weight.detach().clone()
    for arguments, reason in (
        ({"structure": "2:4"}, "needs inputs"),
        ({"structure": "constant_fan_in", "nonzeros": {"0.weight": 12}}, "cannot have 12"),
        ({"scores": {"0.weight": torch.ones(8, 8)}}, "no scores of shape"),
        ({"scores": {"0.weight": torch.full((8, 8), float("nan"))}}, "hold NaN"),
    ):
        nonzeros = arguments.pop("nonzeros", {"0.weight": 16, "1.weight": 16})
        with pytest.raises(InvalidValue, match=reason):
            attach_masks(model, nonzeros, seed=0, **arguments)  # type: ignore[arg-type]
        assert not masks_of(model)
        assert torch.equal(model[0].weight, weight)


def test_where_a_ramp_starts() -> None:
    weights = [Weight("a", (8, 16), 1), Weight("b", (4, 4), 1)]
    assert start_counts(weights, "unstructured", 1.0) == {"a": 128, "b": 16}
    assert start_counts(weights, "2:4", 1.0) == {"a": 64, "b": 8}
    assert start_counts(weights, "channel", 0.3) == {"a": 32, "b": 4}
    with pytest.raises(InvalidValue, match=r"\(0, 1\]"):
        start_counts(weights, "2:4", 0.0)


def test_hugging_faces_conv1d_is_masked_by_its_outputs() -> None:
    """It stores (in, out): 2 of 4 inputs and equal counts are counted down its columns."""
    conv1d = pytest.importorskip("transformers.pytorch_utils").Conv1D
    for structure in ("2:4", "constant_fan_in"):
        model = nn.Sequential(conv1d(6, 8))  # 8 inputs, 6 outputs
        attach_masks(model, {"0.weight": 24}, seed=0, structure=structure)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        schedule = MaskSchedule("rigl", delta_t_steps=1, t_end_fraction=1.0, structure=structure)
        MaskTrainer(model, optimizer, schedule, total_steps=4, seed=0)
        for _ in range(3):
            model(torch.randn(5, 8, generator=torch.Generator().manual_seed(1))).square().sum().backward()
            optimizer.step()
        mask = masks_of(model)["0.weight"]
        assert mask.sum(0).tolist() == [4] * 6
        if structure == "2:4":
            assert (mask.view(2, 4, 6).sum(1) == 2).all()
