"""Many image files decoded once into one `.npy` file of equal squares, which numpy maps into memory.

The file grows beside its final place, a chunk of images at a time; a small record beside it says how many are safe on
the disk, so that an interrupted packing goes on where it was. It is renamed when it is whole.
"""

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sparseift.errors import DataError

CHUNK = 256  # images; 50 MB of 256 x 256
LOG_INTERVAL_S = 30.0
THREADS = 16  # at most; decoding leaves Python's lock alone
FORMAT = 1

log = logging.getLogger(__name__)


def packed_bytes(images: int, side: int) -> int:
    """Size of so many RGB squares, without the file's header of 128 bytes."""
    return images * 3 * side * side


def check_room(place: Path, needed: int, what: str) -> None:
    """Whether a folder's disk has room.

    Args:
        needed: bytes. what: for the message, "The packed images of /data".

    Raises:
        DataError: with what is needed and what is free.
    """
    free = shutil.disk_usage(place).free
    if needed > free:
        raise DataError(
            f"{what} need {needed / 1e9:,.2f} GB and {place} has {free / 1e9:,.2f} GB free; make room, or choose "
            "another data folder or a smaller size."
        )


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write a file that is there as a whole or not at all.

    Raises:
        OSError: the disk refuses.
    """
    beside = path.with_name(path.name + ".tmp")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def pack(
    source: Path, names: Sequence[str], target: Path, side: int, told: Callable[[int], None], *, chunk: int = CHUNK
) -> None:
    """Decode images into `target`, a `.npy` of (N, 3, side, side) uint8; where it exists, do nothing.

    Each image becomes RGB (grey and CMYK ones too; alpha is dropped, orientation tags are ignored), and of it the
    largest square in the middle is resized to `side`, bilinearly with antialiasing, as if its shorter side had been.
    Call it under a lock.

    Args:
        names: of the files, relative to `source`, in the order of the result.
        told: called with the number of images that are done, after each chunk.
        chunk: images between two syncs of the disk; what an interruption costs.

    Raises:
        DataError: a file cannot be decoded, the disk refuses, or `pillow` is not installed.
    """
    if target.exists():
        told(len(names))
        return
    partly, record = target.with_name(target.name + ".partial"), target.with_name(target.name + ".partial.json")
    key = hashlib.sha256(json.dumps([FORMAT, side, *names]).encode()).hexdigest()
    try:
        done = _done(partly, record, key, side)
        with partly.open("r+b" if done else "w+b") as file, ThreadPoolExecutor(_threads()) as decoders:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "|u1", "fortran_order": False, "shape": (len(names), 3, side, side)}
            )
            file.truncate(file.seek(packed_bytes(done, side), os.SEEK_CUR))
            begun, first, last_log = time.monotonic(), done, time.monotonic()
            log.info("Packing %s images of %s into %s; %s are there.", f"{len(names):,}", source, target, f"{done:,}")
            while done < len(names):
                some = names[done : done + chunk]
                for square in decoders.map(partial(decode, side=side), (source / name for name in some)):
                    file.write(square.tobytes())
                file.flush()
                os.fsync(file.fileno())
                done += len(some)
                write_json(record, {"key": key, "done": done})
                told(done)
                if time.monotonic() - last_log > LOG_INTERVAL_S:
                    last_log = time.monotonic()
                    rate = (done - first) / (last_log - begun)
                    log.info("%s of %s images, %.0f a second.", f"{done:,}", f"{len(names):,}", rate)
        partly.replace(target)
        record.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"{target} could not be written: {error}.") from error
    log.info("Packed %s.", target)


def packed_already(target: Path) -> int:
    """Bytes of a whole or interrupted packing of `target` that are on the disk."""
    for path in (target, target.with_name(target.name + ".partial")):
        if path.exists():
            return path.stat().st_size
    return 0


def decode(path: Path, side: int) -> NDArray[np.uint8]:
    """One image as `pack` keeps it: (3, side, side).

    Raises:
        DataError: it cannot be read or decoded, or `pillow` is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError("pillow is missing; install it with `pip install 'sparseift[data]'`.") from error
    try:
        with Image.open(path) as image:
            rgb = image.convert("RGB")
        width, height = rgb.size
        square = min(width, height)
        left, top = (width - square) / 2, (height - square) / 2
        box = (left, top, left + square, top + square)
        small = rgb.resize((side, side), Image.Resampling.BILINEAR, box=box)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # all that Pillow raises
        raise DataError(f"{path} cannot be decoded ({error}); replace it or take it away.") from error
    return np.asarray(small).transpose(2, 0, 1)


def _done(partly: Path, record: Path, key: str, side: int) -> int:
    """Images of an earlier, interrupted packing of the same files that are safe on the disk."""
    try:
        kept = json.loads(record.read_bytes())
        done = int(kept["done"]) if kept["key"] == key else 0
        return done if partly.stat().st_size > packed_bytes(done, side) else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _threads() -> int:
    return min(THREADS, os.cpu_count() or 1)
