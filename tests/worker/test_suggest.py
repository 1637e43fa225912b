"""Suggestions as a pure function."""

from typing import Literal

import pytest

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Configuration, Space
from tests.worker.fakes import make_plan
from worker.suggest import Seen, centred, suggest

STATIC = MaskSchedule("static")


def seen(family: str, sparsity: float, value: float | None) -> Seen:
    return Seen(Configuration(family, sparsity, STATIC), "unknown" if value is None else "measured", value)


def test_values_are_centred_within_families_by_hand() -> None:
    rows = [seen("sparse_wide", 0.5, 90.0), seen("sparse_parallel", 0.5, 50.0), seen("sparse_wide", 0.75, 92.0)]
    rows.append(seen("sparse_parallel", 0.5, None))
    assert [r.value for r in centred(rows)] == [-1.0, 0.0, 1.0, None]


@pytest.mark.parametrize("count", [0, 3, 20])
def test_equal_rows_and_seeds_give_equal_suggestions(count: int) -> None:
    space, plan = Space(), make_plan()
    rows: list[Seen] = []
    for i in range(count):
        outcome: Literal["measured", "bad", "unknown"] = ("measured", "bad", "unknown")[i % 3]
        configuration = suggest(space, plan, "sparse_wide", rows, seed=i)
        rows.append(Seen(configuration, outcome, float(i) if outcome == "measured" else None))
    first = [suggest(space, plan, "sparse_parallel", rows, seed=s) for s in range(8)]
    assert first == [suggest(space, plan, "sparse_parallel", rows, seed=s) for s in range(8)]
    assert len(set(first)) > 1
    assert {c.family for c in first} == {"sparse_parallel"}
