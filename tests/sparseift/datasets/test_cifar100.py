"""CIFAR-100 from a copy that is made up here."""

import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from sparseift.datasets.cifar100 import ARCHIVE, CIFAR100, FOLDER, fetch, load
from sparseift.errors import DataError


def write(folder: Path, samples: dict[str, int]) -> None:
    folder.mkdir(parents=True)
    for name, n in samples.items():
        data = np.broadcast_to((np.arange(n) % 251).astype(np.uint8)[:, None], (n, 3072))
        part = {b"data": data, b"fine_labels": (np.arange(n) * 7 % 100).tolist(), b"coarse_labels": [0] * n}
        (folder / name).write_bytes(pickle.dumps(part, protocol=2))


@pytest.mark.slow
def test_folder_and_archive_give_the_same_splits(tmp_path: Path) -> None:
    write(tmp_path / FOLDER, {"train": 50_000, "test": 10_000})
    with tarfile.open(tmp_path / ARCHIVE, "w:gz", compresslevel=1) as archive:
        archive.add(tmp_path / FOLDER, FOLDER)
    made = [fetch(tmp_path / str(i), lambda *_: None, tmp_path / name) for i, name in enumerate((FOLDER, ARCHIVE))]
    assert made[0].read_bytes() == made[1].read_bytes()
    splits = load(tmp_path / "1", **CIFAR100.resolve({"limit": 300}))  # type: ignore[arg-type]
    assert [len(part.labels) for part in (splits.train, splits.validation, splits.test)] == [300, 5000, 10_000]
    assert (splits.test.labels == np.arange(10_000) * 7 % 100).all()
    assert splits.shape.outputs == 100


def test_what_is_missing_or_broken_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no package registry has it; get cifar-100-python\.tar\.gz"):
        load(tmp_path, limit=10)
    (tmp_path / ARCHIVE).write_bytes(b"half")
    with pytest.raises(DataError, match=r"corrupt or no cifar-100-python\.tar\.gz"):
        load(tmp_path, limit=10)
    write(tmp_path / "few" / FOLDER, {"train": 60, "test": 40})
    with pytest.raises(DataError, match="100 images and 100 labels; CIFAR-100 has 60000"):
        load(tmp_path / "few", limit=10)
