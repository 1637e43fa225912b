"""The vendored digits."""

from pathlib import Path

import numpy as np

from sparseift import catalog
from sparseift.datasets.digits import DIGITS, load


def test_digits_are_whole_and_their_parts_disjoint(tmp_path: Path) -> None:
    splits = load(tmp_path)
    parts = (splits.train, splits.validation, splits.test)
    assert [part.pixels.shape for part in parts] == [(1200, 1, 8, 8), (297, 1, 8, 8), (300, 1, 8, 8)]
    labels = np.concatenate([part.labels for part in parts])
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # UCI's own counts
    assert max(part.pixels.max() for part in parts) == 16
    assert not splits.mirrored
    assert splits.shape.train_samples == len(splits.train.labels)


def test_the_catalog_loads_them(tmp_path: Path) -> None:
    assert catalog.load(DIGITS.load)(tmp_path, **DIGITS.resolve({})).shape == DIGITS.shape({})
