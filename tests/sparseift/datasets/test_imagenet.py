"""ImageNet's layout, on folders of a few made-up images."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparseift.datasets.imagenet import IMAGENET, fetch, load, packed_side, shape
from sparseift.datasets.packing import decode
from sparseift.errors import DataError
from tests.sparseift.datasets.folders import CLASSES, write_folder

ASKED: dict[str, Any] = {"size": 14, "classes": 3, "limit": 15, "validation": 6}
PLACE = Path("imagenet") / "packed-16"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("copy"))


@pytest.fixture(scope="module")
def packed(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    fetch(folder, lambda *_: None, copy, **ASKED)
    return folder


def test_parts_are_disjoint_files_of_the_copy_with_their_classes(copy: Path, packed: Path) -> None:
    splits = load(packed, **ASKED)
    train, validation, test = splits.train, splits.validation, splits.test
    assert train.rows is not None
    assert validation.rows is not None
    assert test.rows is None
    assert [len(part.labels) for part in (train, validation, test)] == [15, 6, 12]
    assert len({*train.rows.tolist(), *validation.rows.tolist()}) == 21
    assert isinstance(train.pixels, np.memmap)
    assert train.pixels.shape == (24, 3, 16, 16)
    assert splits.shape == shape(ASKED)
    assert (splits.shape.input_shape, splits.shape.outputs, splits.shape.train_samples) == ((3, 14, 14), 3, 15)
    assert splits.mirrored
    for name, part in (("train", train), ("train", validation), ("val", test)):
        rows = part.rows if part.rows is not None else np.arange(len(part.labels))
        files = sorted((copy / name).glob("*/*"))
        for row, label in zip(rows.tolist(), part.labels.tolist(), strict=True):
            assert CLASSES[label] == files[row].parent.name
            assert (part.pixels[row] == decode(files[row], 16)).all()


def test_a_larger_limit_adds_images_and_keeps_validation(packed: Path) -> None:
    few, many = (load(packed, **{**ASKED, "limit": limit}) for limit in (5, 18))
    assert few.train.rows is not None
    assert many.train.rows is not None
    assert set(few.train.rows) < set(many.train.rows)
    assert (few.validation.rows == many.validation.rows).all()


def test_224_is_cropped_from_256() -> None:
    assert packed_side(224) == 256
    resolved = IMAGENET.resolve({})
    assert shape(resolved).train_samples + resolved["validation"] == 1_281_167


def test_what_is_packed_is_kept_and_progress_counts_bytes(copy: Path, packed: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    fetch(tmp_path, lambda done, total: told.append((done, total)), copy, **ASKED)
    assert told[-1] == (36 * 3 * 16 * 16,) * 2
    assert sorted(told) == told
    told.clear()
    place = fetch(tmp_path, lambda done, total: told.append((done, total)), tmp_path / "gone", **ASKED)
    assert told == []
    assert place == tmp_path / PLACE
    assert (place / "train.npy").read_bytes() == (packed / PLACE / "train.npy").read_bytes()


def test_many_at_once_pack_once(copy: Path, tmp_path: Path) -> None:
    told: list[int] = []
    threads = [
        threading.Thread(target=lambda: fetch(tmp_path, lambda done, _: told.append(done), copy, **ASKED))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 2  # a call for each part
    assert len(load(tmp_path, **ASKED).test.labels) == 12


def test_arguments_that_are_not_the_copys_are_told_before_anything_is_packed(
    copy: Path, packed: Path, tmp_path: Path
) -> None:
    advice = r"3 classes and 24 training images; .*classes=3, validation=6, limit=18 at most"
    for wrong in ({"classes": 1000}, {"limit": 19}):
        with pytest.raises(DataError, match=advice):
            fetch(tmp_path, lambda *_: None, copy, **{**ASKED, **wrong})
        with pytest.raises(DataError, match=advice):
            load(packed, **{**ASKED, **wrong})
    with pytest.raises(DataError, match="validation=1, limit=23 at most"):  # the defaults, for a small copy
        fetch(tmp_path, lambda *_: None, copy, size=14)
    assert not list(tmp_path.glob("**/*.npy*"))


def test_a_copy_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    def refused(message: str) -> None:
        with pytest.raises(DataError, match=message):
            fetch(tmp_path / "data", lambda *_: None, tmp_path / "copy", **ASKED)

    with pytest.raises(DataError, match=r"not packed for size 14 .* data fetch imagenet --from FOLDER --set size=14"):
        load(tmp_path / "data", **ASKED)
    refused(r"There is no folder .*train to read .*; get it from image-net\.org")
    (tmp_path / "copy" / "train").mkdir(parents=True)
    refused("train has no folders of classes")
    write_folder(tmp_path / "copy", 2, 2)
    (tmp_path / "copy" / "train" / ".cache").mkdir()  # is no class
    (tmp_path / "copy" / "train" / "n04").mkdir()
    refused(r"n04 has no image; images end in \.jpeg, \.jpg, \.png")
    write_folder(tmp_path / "copy", 2, 2, ("n04",))
    (tmp_path / "copy" / "val" / "n04").rename(tmp_path / "copy" / "val" / "n05")
    refused(r"train \(4\) and val \(4\) are not the same: only train has n04; only val has n05")


def test_a_corrupt_file_is_named_and_the_rest_is_kept_for_the_next_time(tmp_path: Path) -> None:
    copy = write_folder(tmp_path / "copy", 2, 1)
    asked = {**ASKED, "limit": 4, "validation": 2}
    bad = copy / "val" / "n02" / "n02_000.JPEG"
    good = bad.read_bytes()
    bad.write_bytes(good[:200])
    with pytest.raises(DataError, match=r"val/n02/n02_000\.JPEG cannot be decoded"):
        fetch(tmp_path, lambda *_: None, copy, **asked)
    bad.write_bytes(good)
    (copy / "train" / "n01" / "n01_000.JPEG").write_bytes(b"already packed")
    fetch(tmp_path, lambda *_: None, copy, **asked)
    assert len(load(tmp_path, **asked).train.labels) == 4


@pytest.mark.parametrize("damage", ["index", "short", "other"])
def test_a_corrupt_pack_says_what_to_delete(copy: Path, tmp_path: Path, damage: str) -> None:
    place = fetch(tmp_path, lambda *_: None, copy, **ASKED)
    if damage == "index":
        (place / "index.json").write_text("{")
    elif damage == "short":
        (place / "train.npy").write_bytes((place / "train.npy").read_bytes()[:-1])
    else:
        np.save(place / "train.npy", np.zeros((2, 2)))
    with pytest.raises(DataError, match=r"is corrupt \(.*\); delete .*packed-16 and pack it anew") as refusal:
        load(tmp_path, **ASKED)
    assert "pickle" not in str(refusal.value)
