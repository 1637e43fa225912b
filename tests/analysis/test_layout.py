from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.curve import Curve
from analysis.layout import EMPTY_LEVELS, Range, dodges, levels, merged, spread, x_range, y_range


def test_near_sparsities_share_a_tick() -> None:
    assert merged([0.75, 0.5, 0.755, 0.9]) == (0.5, pytest.approx(0.7525), 0.9)
    assert merged([]) == ()


def test_ticks_stand_at_tested_levels(states: dict[str, Curve]) -> None:
    assert levels(states["confirmed"]) == pytest.approx((0.5, 0.75, 0.9, 0.95))
    assert levels(states["empty"]) == EMPTY_LEVELS


def test_families_stand_beside_each_other_around_the_level() -> None:
    found = dodges(["sparse_doped", "sparse_wide", "sparse_parallel"], Range(0.5, 0.9))
    assert list(found) == ["sparse_wide", "sparse_parallel", "sparse_doped"]
    assert sum(found.values()) == pytest.approx(0.0)
    assert found["sparse_wide"] < 0 < found["sparse_doped"]


@pytest.mark.parametrize("state", ["dense", "partial", "confirmed", "off", "ladder"])
def test_every_mean_is_inside_the_chart(states: dict[str, Curve], state: str) -> None:
    curve = states[state]
    x, y = x_range(curve), y_range(curve)
    assert all(y.low < p.mean < y.high and x.low < p.sparsity < x.high for p in curve.points)
    assert curve.dense is not None
    assert y.low < curve.dense.mean < y.high
    assert all(y.low < rung.mean < y.high for rung in curve.ladder)


def test_labels_keep_their_distance_and_move_as_little_as_possible() -> None:
    assert spread([1.0, 5.0], 1.0, Range(0, 10)) == [1.0, 5.0]
    assert spread([2.0, 2.0], 1.0, Range(0, 10)) == [1.5, 2.5]
    assert spread([9.9, 10.0], 1.0, Range(0, 10)) == [9.0, 10.0]


@given(st.lists(st.floats(0, 100), max_size=6))
def test_labels_never_overlap_nor_swap(wanted: list[float]) -> None:
    placed = spread(wanted, 10.0, Range(0, 100))
    by_place = sorted(range(len(wanted)), key=lambda i: placed[i])
    assert [wanted[i] for i in by_place] == sorted(wanted)
    ordered = sorted(placed)
    assert all(b - a >= 10.0 - 1e-9 for a, b in pairwise(ordered))
    assert all(-1e-9 <= p <= 100 + 1e-9 for p in placed)
