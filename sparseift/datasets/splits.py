"""What a data set hands to training: three disjoint parts in plain numpy arrays, or in files that numpy maps.

The validation part chooses; the test part is touched once, by the final runs, and never chooses anything. Validation is
cut from the training part before any augmentation.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from sparseift.records import DataShape


@dataclass(frozen=True, slots=True)
class Images:
    """Labelled images, in memory or in a file.

    Attributes:
        pixels: (N, C, H, W) uint8, unnormalised. H and W may exceed the model's input by the same number of pixels; it
            is then a crop of them. A memory map of a whole file (`np.load(path, mmap_mode="r")`) is never read as a
            whole: training reads it batch by batch.
        labels: (N,) int64 classes.
        rows: (N,) ascending: which images of `pixels` these are, where several parts lie in one file; None: all.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    rows: NDArray[np.intp] | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """One stream of tokens.

    Attributes:
        tokens: (n,) uint16.
        text_bytes: UTF-8 bytes of the text that the tokens spell, so that losses compare between vocabularies.
    """

    tokens: NDArray[np.uint16]
    text_bytes: int


Split = TypeVar("Split", Images, Text)


@dataclass(frozen=True, slots=True)
class Splits(Generic[Split]):
    """The three parts of a data set.

    Attributes:
        shape: what a model must know, as the card says it.
        mirrored: whether a mirror image still shows its class, so that flipping augments. False for text.
    """

    train: Split
    validation: Split
    test: Split
    shape: DataShape
    mirrored: bool = False


def cut(samples: int, *sizes: int, seed: int) -> tuple[NDArray[np.intp], ...]:
    """Disjoint random parts of the given sizes, then the rest; each in ascending order.

    The same on every machine and numpy version: RandomState's streams are frozen (NEP 19).
    """
    order = np.random.RandomState(seed).permutation(samples)
    parts = np.split(order, np.cumsum(sizes))
    return tuple(np.sort(part) for part in parts)
