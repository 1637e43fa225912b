"""Decoded data kept in one file, built once although several processes want it at the same moment."""

import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from sparseift.errors import DataError

Arrays = dict[str, NDArray[Any]]


def read_or_build(path: Path, build: Callable[[], Arrays]) -> Arrays:
    """The arrays in the `.npz` file at `path`; where there is none, `build` them and keep them there.

    The file appears complete or not at all (written beside, synced, renamed). A lock spares a second process the same
    work; the system drops it when its holder dies.

    Raises:
        DataError: the file is corrupt, or cannot be written; and what `build` raises.
    """
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_name(path.name + ".lock")):
                if not path.exists():
                    _write(path, build())
        except OSError as error:
            raise DataError(f"{path} could not be written: {error}.") from error
    return _read(path)


def _write(path: Path, arrays: Arrays) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _read(path: Path) -> Arrays:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive.items())  # reading an entry checks its CRC
    except ValueError as error:  # numpy's own sentence advises to load what is no archive as a pickle
        raise DataError(f"{path} is corrupt (it is no .npz archive); delete it and it will be built anew.") from error
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is corrupt ({error}); delete it and it will be built anew.") from error
