"""Parts: disjoint, complete, the same everywhere."""

import numpy as np

from sparseift.datasets.splits import cut


def test_parts_are_disjoint_and_complete() -> None:
    parts = cut(100, 20, 30, seed=1)
    assert [len(part) for part in parts] == [20, 30, 50]
    assert sorted(np.concatenate(parts)) == list(range(100))


def test_parts_are_pinned() -> None:
    part, _ = cut(10, 3, seed=0)
    assert list(part) == [2, 4, 8]
