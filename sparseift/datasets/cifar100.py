"""CIFAR-100: 50,000 + 10,000 colour images of 32x32, a hundred classes, from the user's own copy.

No package registry carries it, so nothing is fetched: the authors' folder `cifar-100-python` (or their archive of it)
is read where it lies. Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sparseift.cards import Argument, DatasetCard
from sparseift.datasets.cache import Arrays, read_or_build
from sparseift.datasets.cifar_files import TRAIN_SAMPLES, read_pickles
from sparseift.datasets.splits import Images, Splits, cut
from sparseift.errors import DataError
from sparseift.records import Arguments, DataShape, Metric

FOLDER, ARCHIVE = "cifar-100-python", "cifar-100-python.tar.gz"
PARTS = ("train", "test")
CLASSES = 100
VALIDATION_SAMPLES = 5_000
SPLIT_SEED = 0


def shape(arguments: Arguments) -> DataShape:
    """What a model must know: three 32x32 channels, a hundred classes, `limit` training images."""
    return DataShape("images", (3, 32, 32), CLASSES, int(arguments["limit"]))


def load(folder: Path, *, limit: int) -> Splits[Images]:
    """The splits: 5,000 validation images cut from the 50,000 by a fixed seed, then the first `limit` of the others.

    Raises:
        DataError: the images are neither decoded in `folder` nor there as the authors give them, or they are corrupt.
    """
    kept = read_or_build(_cache(folder), lambda: _decode(_find(folder)))
    validation, train = cut(TRAIN_SAMPLES, VALIDATION_SAMPLES, seed=SPLIT_SEED)
    rest = np.arange(TRAIN_SAMPLES, len(kept["labels"]))
    first, chosen, last = (
        Images(kept["pixels"][part], kept["labels"][part]) for part in (train[:limit], validation, rest)
    )
    return Splits(first, chosen, last, shape({"limit": limit}), mirrored=True)


def fetch(folder: Path, progress: Callable[[int, int], None], source: Path | None = None) -> Path:
    """Decode a local copy into `folder`, once.

    Args:
        source: `cifar-100-python`, its archive, or the folder of either; without it, both are looked for in `folder`.

    Raises:
        DataError: there is no copy, or it is corrupt.
    """
    cache = _cache(folder)
    read_or_build(cache, lambda: _decode(_find(source or folder)))
    progress(cache.stat().st_size, cache.stat().st_size)
    return cache


def _cache(folder: Path) -> Path:
    return folder / "cifar100" / "images.npz"


def _find(place: Path) -> Path:
    """The authors' folder or archive at `place`, in it, or in its folder `cifar100`."""
    for at in (place, place / FOLDER, place / ARCHIVE, place / "cifar100" / FOLDER, place / "cifar100" / ARCHIVE):
        if at.is_file() or (at / PARTS[0]).is_file():
            return at
    raise DataError(
        f"CIFAR-100 is not in {place}, and no package registry has it; get {ARCHIVE} from its authors and run "
        f"`sparseift data fetch cifar100 --from {ARCHIVE}`."
    )


def _decode(source: Path) -> Arrays:
    if source.is_dir():
        return read_pickles(source, PARTS, b"fine_labels", CLASSES)
    with TemporaryDirectory() as folder:
        try:
            with tarfile.open(source) as archive:
                for name in PARTS:
                    member = archive.extractfile(f"{FOLDER}/{name}")
                    if member is None:
                        raise KeyError(name)
                    (Path(folder) / name).write_bytes(member.read())
        except (OSError, EOFError, KeyError, tarfile.TarError) as error:
            raise DataError(f"{source} is corrupt or no {ARCHIVE} ({error}).") from error
        return read_pickles(Path(folder), PARTS, b"fine_labels", CLASSES)


CIFAR100 = DatasetCard(
    name="cifar100",
    summary="CIFAR-100: 50,000 + 10,000 colour images of 32x32, a hundred classes, from your own copy.",
    task="images",
    metric=Metric("accuracy", "%", "maximize"),
    arguments=(
        Argument("limit", 45_000, 1, 45_000, "train on the first so many images; validation and test stay whole"),
    ),
    shape=shape,
    load="sparseift.datasets.cifar100:load",
    fetch="sparseift.datasets.cifar100:fetch",
    licence="not stated by its authors; used with attribution, never redistributed",
    source="Krizhevsky 2009, the authors' cifar-100-python.tar.gz",
    size_bytes=0,
)
