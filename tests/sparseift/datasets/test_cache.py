"""The cache: one whole file or none, whoever builds it."""

import threading
from pathlib import Path

import numpy as np
import pytest

from sparseift.datasets.cache import Arrays, read_or_build
from sparseift.errors import DataError


def test_a_second_read_builds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kept.npz"
    built = read_or_build(path, lambda: {"a": np.arange(3)})

    def never() -> Arrays:
        raise AssertionError("built twice")

    assert read_or_build(path, never)["a"].tolist() == built["a"].tolist() == [0, 1, 2]


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> Arrays:
        raise DataError("no source")

    with pytest.raises(DataError, match="no source"):
        read_or_build(tmp_path / "kept.npz", fail)
    assert [path.suffix for path in tmp_path.iterdir()] in ([], [".lock"])


def test_many_at_once_build_once(tmp_path: Path) -> None:
    builds: list[int] = []
    read: list[Arrays] = []

    def build() -> Arrays:
        builds.append(1)
        return {"a": np.arange(100_000)}

    threads = [
        threading.Thread(target=lambda: read.append(read_or_build(tmp_path / "kept.npz", build))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1
    assert [int(arrays["a"][-1]) for arrays in read] == [99_999] * 8


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text"])
def test_a_corrupt_file_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "kept.npz"
    read_or_build(path, lambda: {"a": np.arange(10_000)})
    data = bytearray(path.read_bytes())
    data[5_000] ^= 0xFF
    path.write_bytes({"truncated": bytes(data[:1000]), "flipped": bytes(data), "empty": b"", "text": b"no"}[damage])
    with pytest.raises(DataError, match=r"kept\.npz is corrupt .* delete it") as refusal:
        read_or_build(path, dict)
    assert "pickle" not in str(refusal.value), "numpy's advice to load it unsafely is not for anyone"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="could not be written"):
        read_or_build(tmp_path / "file" / "kept.npz", dict)
