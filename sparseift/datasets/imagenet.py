"""ImageNet, or any folder of images that is laid out like it, from the user's own copy; nothing is fetched.

`train/CLASS/*.JPEG` and `val/CLASS/*.JPEG` are decoded once into squares (`packing`), which stay on the disk while
models are trained on them. `val` is the test part, as everybody reports it; what chooses is cut from `train`.
Source: Russakovsky et al. 2015, arXiv 1409.0575; 1% of the training images for choosing as in big_vision's minival.

Crops are taken from the packed square, not from the original image. So the borders of an image's longer side are never
seen, a crop's area is a fraction of the square's, and a small crop is enlarged from pixels that have been reduced
before: at size 224, one of 8% of the area from 72 x 72, where the original often has more.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from sparseift.cards import Argument, DatasetCard
from sparseift.datasets.packing import check_room, pack, packed_already, packed_bytes, write_json
from sparseift.datasets.splits import Images, Splits, cut
from sparseift.errors import DataError
from sparseift.records import Arguments, DataShape, Metric

PARTS = ("train", "val")
SUFFIXES = (".jpeg", ".jpg", ".png")
CLASSES = 1_000
TRAIN_SAMPLES, TEST_SAMPLES = 1_281_167, 50_000
VALIDATION_SAMPLES = 12_811  # 1 %
SIZE = 224
SPLIT_SEED = 0
INDEX, FORMAT = "index.json", 1


@dataclass(frozen=True, slots=True)
class Index:
    """What lies packed in a folder: names of the classes, and the number of images of each in the order of the file."""

    side: int
    classes: list[str]
    train: list[int]
    val: list[int]
    format: int = FORMAT


def packed_side(size: int) -> int:
    """Side of the packed squares, in pixels: 256 for 224, so that there is something to crop."""
    return size * 8 // 7


def shape(arguments: Arguments) -> DataShape:
    """What a model must know: three channels of `size` x `size`, `classes`, `limit` training images."""
    size = int(arguments["size"])
    return DataShape("images", (3, size, size), int(arguments["classes"]), int(arguments["limit"]))


def load(folder: Path, *, size: int, classes: int, limit: int, validation: int) -> Splits[Images]:
    """The splits, in their files: `validation` and then `limit` images drawn from `train` by a fixed seed, and `val`.

    A larger `limit` adds images. Nothing is packed here: that takes hours, and the disk.

    Raises:
        DataError: no copy is packed for this size, the arguments are not those of the copy, or a file is corrupt.
    """
    place = _place(folder, size)
    if not (place / INDEX).exists():
        raise DataError(
            f"ImageNet is not packed for size {size} in {place}, and no package registry has it; run `sparseift data "
            f"fetch imagenet --from FOLDER --set size={size}` with the folder of your copy's train and val."
        )
    index = _read_index(place)
    _check(place, index, classes, limit, validation)
    train, test = (_map(place / f"{part}.npy", sum(counts), index.side) for part, counts in _counts(index).items())
    train_labels, test_labels = (_labels(counts) for counts in _counts(index).values())
    chosen, first, _ = cut(len(train_labels), validation, limit, seed=SPLIT_SEED)
    return Splits(
        Images(train, train_labels[first], first),
        Images(train, train_labels[chosen], chosen),
        Images(test, test_labels),
        shape({"size": size, "classes": classes, "limit": limit}),
        mirrored=True,
    )


def fetch(
    folder: Path,
    progress: Callable[[int, int], None],
    source: Path | None = None,
    *,
    size: int = SIZE,
    classes: int = CLASSES,
    limit: int = TRAIN_SAMPLES - VALIDATION_SAMPLES,
    validation: int = VALIDATION_SAMPLES,
) -> Path:
    """Pack a local copy into `folder`, once for each size; what an interruption left is gone on with.

    Args:
        progress: called with (bytes packed so far, bytes in all).
        source: the folder with `train` and `val`; without it, `folder`/imagenet.
        size: as jobs will give it; the others are checked before the hours that packing takes.

    Returns:
        The folder of the packed images.

    Raises:
        DataError: there is no copy, its two parts have different classes, the arguments are not those of the copy, a
            file cannot be decoded, or the disk has no room.
    """
    place = _place(folder, size)
    try:
        place.mkdir(parents=True, exist_ok=True)
        with FileLock(place / "lock"):
            if not (place / INDEX).exists():
                _pack(source or folder / "imagenet", place, packed_side(size), (classes, limit, validation), progress)
    except OSError as error:
        raise DataError(f"{place} could not be written: {error}.") from error
    return place


def _place(folder: Path, size: int) -> Path:
    return folder / "imagenet" / f"packed-{packed_side(size)}"


def _pack(
    source: Path, place: Path, side: int, asked: tuple[int, int, int], progress: Callable[[int, int], None]
) -> None:
    listed = {part: _list(source, part) for part in PARTS}
    _compare(source, listed)
    counts = {part: [len(names) for names in found.values()] for part, found in listed.items()}
    index = Index(side, list(listed["train"]), counts["train"], counts["val"])
    _check(source, index, *asked)

    sizes = {part: packed_bytes(sum(counts[part]), side) for part in PARTS}
    there = sum(packed_already(place / f"{part}.npy") for part in PARTS)
    check_room(place, sum(sizes.values()) - there, f"The packed images of {source}")
    before = 0
    for part, found in listed.items():
        names = [f"{part}/{name}/{file}" for name, files in found.items() for file in files]
        pack(source, names, place / f"{part}.npy", side, partial(_tell, progress, before, sum(sizes.values()), side))
        before += sizes[part]
    write_json(place / INDEX, asdict(index))


def _tell(progress: Callable[[int, int], None], before: int, total: int, side: int, images: int) -> None:
    """Bytes done, of both parts."""
    progress(before + packed_bytes(images, side), total)


def _list(source: Path, part: str) -> dict[str, list[str]]:
    """Class -> its files, both in order of their names.

    Raises:
        DataError: there is no such folder, no class in it, or a class without images.
    """
    root = source / part
    try:
        classes = sorted(at.name for at in root.iterdir() if at.is_dir() and not at.name.startswith("."))
        found = {
            name: sorted(
                at.name
                for at in (root / name).iterdir()
                if at.suffix.lower() in SUFFIXES and not at.name.startswith(".")
            )
            for name in classes
        }
    except OSError as error:
        raise DataError(
            f"There is no folder {root} to read ({error.strerror}), and no package registry has ImageNet; get it from "
            "image-net.org, as train/CLASS/*.JPEG and val/CLASS/*.JPEG, and run `sparseift data fetch imagenet "
            "--from FOLDER`."
        ) from error
    if not found:
        raise DataError(f"{root} has no folders of classes; its images must lie in one folder for each class.")
    if empty := [name for name, files in found.items() if not files]:
        raise DataError(f"{root / empty[0]} has no image; images end in {', '.join(SUFFIXES)}.")
    return found


def _compare(source: Path, listed: dict[str, dict[str, list[str]]]) -> None:
    train, val = (set(listed[part]) for part in PARTS)
    if train != val:
        only = {"train": sorted(train - val), "val": sorted(val - train)}
        told = "; ".join(f"only {part} has {', '.join(names[:3])}" for part, names in only.items() if names)
        raise DataError(
            f"The classes in {source}'s train ({len(train)}) and val ({len(val)}) are not the same: {told}."
        )


def _check(place: Path, index: Index, classes: int, limit: int, validation: int) -> None:
    """Whether a job's arguments are those of the copy: plans are made without looking at it."""
    images = sum(index.train)
    if len(index.classes) == classes and validation + limit <= images:
        return
    kept = validation if validation < images else max(1, images // 100)
    raise DataError(
        f"{place} has {len(index.classes)} classes and {images} training images; asked for are {classes} classes, "
        f"{limit} images to train on and {validation} for validation. The data set's arguments must say so: "
        f"classes={len(index.classes)}, validation={kept}, limit={images - kept} at most (`--set` of "
        "`sparseift data fetch`, `dataset.arguments` of a job)."
    )


def _counts(index: Index) -> dict[str, list[int]]:
    return {"train": index.train, "val": index.val}


def _labels(counts: list[int]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(counts), dtype=np.int64), counts)


def _read_index(place: Path) -> Index:
    path = place / INDEX
    try:
        read = Index(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} is corrupt ({error}); delete {place} and pack it anew.") from error
    if read.format != FORMAT:
        raise DataError(f"{path} has the format {read.format}, not {FORMAT}; delete {place} and pack it anew.")
    return read


def _map(path: Path, images: int, side: int) -> NDArray[np.uint8]:
    """(N, 3, side, side), not read."""
    try:
        pixels = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is corrupt ({error}); delete {path.parent} and pack it anew.") from error
    if pixels.shape != (images, 3, side, side) or pixels.dtype != np.uint8:
        raise DataError(
            f"{path} is corrupt (it holds {pixels.dtype} {pixels.shape}); delete {path.parent} and pack it anew."
        )
    return pixels


IMAGENET = DatasetCard(
    name="imagenet",
    summary="ImageNet, or another folder of images in its layout, from your own copy: packed once, read from the disk.",
    task="images",
    metric=Metric("accuracy", "%", "maximize"),
    arguments=(
        Argument("size", SIZE, 8, 512, "side of the model's input in pixels; packed images are 8/7 of it"),
        Argument("classes", CLASSES, 2, 100_000, "folders of classes in your copy"),
        Argument("limit", TRAIN_SAMPLES - VALIDATION_SAMPLES, 1, 10**8, "images to train on, drawn by a fixed seed"),
        Argument("validation", VALIDATION_SAMPLES, 1, 10**7, "images cut from the training ones, which choose"),
    ),
    shape=shape,
    load="sparseift.datasets.imagenet:load",
    fetch="sparseift.datasets.imagenet:fetch",
    fetch_arguments=("size", "classes", "limit", "validation"),
    licence="for research by its terms of access; never redistributed",
    source="Russakovsky et al. 2015, arXiv 1409.0575",
    size_bytes=0,
)
