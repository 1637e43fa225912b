"""One update by hand under each kind of structure: every number can be checked on paper."""

import pytest
import torch

from sparseift.masks.layouts import draw
from sparseift.masks.scores import DYNAMIC_METHODS
from sparseift.masks.structures import Layout, parse
from sparseift.masks.update import Change, drop_and_grow


def update(
    structure: str, weight: list[list[float]], gradient: list[list[float]], mask: list[list[int]], fraction: float,
    target: int | None = None,
) -> tuple[list[list[int]], Change]:  # fmt: skip
    w, g, m = torch.tensor(weight), torch.tensor(gradient), torch.tensor(mask, dtype=torch.uint8)
    layout: Layout = parse(structure).layout(tuple(w.shape))
    generator = torch.Generator().manual_seed(0)
    change = drop_and_grow(w, g, m, DYNAMIC_METHODS["rigl"], fraction, generator, layout, target)
    rows: list[list[int]] = m.tolist()
    return rows, change


def test_n_of_m_drops_in_the_whole_layer_and_grows_in_each_pool() -> None:
    mask, change = update(
        "1:2",
        [[5.0, 0.0, 0.0, 1.0], [2.0, 0.0, 4.0, 0.0]],
        [[9.0, 9.0, 3.0, 1.0], [1.0, 1.5, 9.0, 9.0]],
        [[1, 0, 0, 1], [1, 0, 1, 0]],
        0.5,
    )
    # |1| and |2| are dropped. Their pools are (., .) of gradients (3, 1) and (1, 1.5).
    assert mask == [[1, 0, 1, 0], [0, 1, 1, 0]]
    assert (change.dropped.tolist(), change.grown.tolist()) == ([3, 4], [2, 5])


def test_what_was_just_dropped_may_come_back_and_was_never_away() -> None:
    mask, change = update("1:2", [[1.0, 0.0]], [[7.0, 2.0]], [[1, 0]], 0.99)
    assert (mask, change.dropped.numel(), change.grown.numel()) == ([[1, 0]], 0, 0)  # int(.99) drops none
    mask, change = update("1:2", [[1.0, 0.0, 8.0, 0.0]], [[7.0, 2.0, 1.0, 1.0]], [[1, 0, 1, 0]], 0.5)
    assert (mask, change.dropped.numel(), change.grown.numel()) == ([[1, 0, 1, 0]], 0, 0)


def test_constant_fan_in_keeps_every_row() -> None:
    mask, _ = update(
        "constant_fan_in",
        [[0.1, 0.2, 0.0, 0.0], [5.0, 6.0, 0.0, 0.0]],
        [[0.0, 0.0, 1.0, 2.0], [9.0, 9.0, 9.0, 9.0]],
        [[1, 1, 0, 0], [1, 1, 0, 0]],
        0.5,
    )
    assert mask == [[0, 0, 1, 1], [1, 1, 0, 0]]  # both drops fall into the first row


def test_blocks_and_channels_are_scored_by_their_sums() -> None:
    mask, change = update(
        "block:2",
        [[3.0, 0.0, 1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]],
        [[0.0, 0.0, 0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]],
        [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0]],
        0.5,
    )
    assert mask == [[0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1]]  # 3 < 4, though 3 is the largest weight
    assert change.dropped.tolist() == [0, 1, 6, 7]
    mask, _ = update(
        "channel", [[3.0, 0.0], [2.0, 2.0], [0.0, 0.0]], [[0.0, 0], [9, 9], [1, 1]], [[1, 1], [1, 1], [0, 0]], 0.5
    )
    assert mask == [[0, 0], [1, 1], [1, 1]]


def test_a_falling_target_prunes_every_pool_and_then_exchanges() -> None:
    weight, none = [[4.0, 3.0, 2.0, 1.0], [8.0, 7.0, 6.0, 5.0]], [[0.0] * 4] * 2
    full = [[1] * 4] * 2
    mask, change = update("constant_fan_in", weight, none, full, 0.0, target=4)
    assert mask == [[1, 1, 0, 0], [1, 1, 0, 0]]
    assert change.grown.numel() == 0
    mask, _ = update("unstructured", weight, none, full, 0.0, target=4)
    assert mask == [[0] * 4, [1] * 4]
    # 2 of 4 are pruned, then one of the two that are left is exchanged for the largest gradient.
    mask, _ = update("unstructured", weight[:1], [[0.0, 0.0, 5.0, 9.0]], full[:1], 0.5, target=2)
    assert mask == [[1, 0, 0, 1]]


def test_a_rising_target_grows_every_pool() -> None:
    gradient = [[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]]
    mask, change = update(
        "2:4", [[1.0, 0, 0, 0], [1.0, 0, 0, 0]], gradient, [[1, 0, 0, 0], [1, 0, 0, 0]], 0.0, target=4
    )
    assert mask == [[1, 0, 0, 1], [1, 1, 0, 0]]
    assert change.dropped.numel() == 0
    mask, _ = update("unstructured", [[1.0, 0, 0, 0]], gradient[:1], [[1, 0, 0, 0]], 0.0, target=4)
    assert mask == [[1, 1, 1, 1]]


def test_what_does_not_divide_stays_in_the_fullest_pools() -> None:
    mask, _ = update("2:4", [[3.0, 2.0, 0, 0, 1.0, 0, 0, 0]], [[0.0] * 8], [[1, 1, 0, 0, 1, 0, 0, 0]], 0.0, target=3)
    assert mask == [[1, 1, 0, 0, 1, 0, 0, 0]]
    rows = [[3.0, 2.0, 0, 0], [3.0, 2.0, 0, 0], [1.0, 0, 0, 0]]
    mask, _ = update("2:4", rows, [[0.0] * 4] * 3, [[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0]], 0.0, target=4)
    assert sorted(sum(row) for row in mask) == [1, 1, 2]
    assert mask[2] == [1, 0, 0, 0]


def test_half_precision_sums_do_not_overflow() -> None:
    weight = torch.full((2, 64), 60000.0, dtype=torch.float16)
    weight[1] *= 0.5
    mask = torch.ones(2, 64, dtype=torch.uint8)
    layout = parse("channel").layout((2, 64))
    generator = torch.Generator()
    drop_and_grow(weight, torch.zeros_like(weight), mask, DYNAMIC_METHODS["rigl"], 0.0, generator, layout, target=64)
    assert mask.sum(1).tolist() == [64, 0]


@pytest.mark.parametrize(
    "structure", ["unstructured", "2:4", "constant_fan_in", "block:4", "channel", "head_balanced:2"]
)
def test_strided_memory_changes_nothing(structure: str) -> None:
    generator = torch.Generator().manual_seed(0)
    shape = (8, 4, 3, 3)
    layout = parse(structure).layout(shape)
    gradient = torch.randn(shape, generator=generator)
    mask = draw(layout, gradient.shape, 144, None, generator)
    weight = torch.randn(shape, generator=generator) * mask
    strided = [t.clone(memory_format=torch.channels_last) for t in (weight, gradient, mask)]
    assert not strided[2].is_contiguous()
    rigl = DYNAMIC_METHODS["rigl"]
    change = drop_and_grow(weight, gradient, mask, rigl, 0.5, torch.Generator().manual_seed(1), layout)
    other = drop_and_grow(*strided, rigl, 0.5, torch.Generator().manual_seed(1), layout)
    assert torch.equal(strided[2], mask)
    assert torch.equal(other.grown, change.grown)
    assert change.grown.numel()


@pytest.mark.parametrize("target", [None, 16, 64])
@pytest.mark.parametrize("structure", ["2:4", "constant_fan_in", "block:4", "channel", "head_balanced:2"])
def test_transposed_storage_changes_nothing(structure: str, target: int | None) -> None:
    generator = torch.Generator().manual_seed(0)
    shape = (16, 8)
    weight, gradient = torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)
    plain, swapped = parse(structure).layout(shape), parse(structure).layout(shape[::-1], transposed=True)
    mask = draw(plain, weight.shape, 32, None, generator)
    weight *= mask
    stored = weight.t().contiguous(), gradient.t().contiguous(), mask.t().contiguous()
    before = stored[2].clone()
    rigl = DYNAMIC_METHODS["rigl"]
    drop_and_grow(weight, gradient, mask, rigl, 0.5, torch.Generator().manual_seed(1), plain, target)
    change = drop_and_grow(*stored, rigl, 0.5, torch.Generator().manual_seed(1), swapped, target)
    assert torch.equal(stored[2].t(), mask)
    assert int(mask.sum()) == (target or 32)
    difference = stored[2].int().flatten() - before.int().flatten()
    assert change.grown.tolist() == (difference > 0).nonzero().flatten().tolist()
    assert change.dropped.tolist() == (difference < 0).nonzero().flatten().tolist()
