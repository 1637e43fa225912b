"""The UCI optical digits: 1,797 grey 8x8 images of ten classes. Nothing to fetch; for smoke tests.

`digits.csv.gz` is scikit-learn's file (sklearn/datasets/data), unchanged: a copy of the test set of E. Alpaydin and
C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998, doi 10.24432/C50P49,
licence CC BY 4.0. Each row is an image's 64 pixels of 0 … 16 and its class.
"""

import gzip
import zlib
from importlib.resources import files
from pathlib import Path

import numpy as np

from sparseift.cards import DatasetCard
from sparseift.datasets.splits import Images, Splits, cut
from sparseift.errors import DataError
from sparseift.records import Arguments, DataShape, Metric

VALIDATION_SAMPLES = 297
TEST_SAMPLES = 300
TRAIN_SAMPLES = 1200
SPLIT_SEED = 0


def shape(_arguments: Arguments) -> DataShape:
    """What a model must know: one 8x8 channel, ten classes."""
    return DataShape("images", (1, 8, 8), 10, TRAIN_SAMPLES)


def load(_folder: Path) -> Splits[Images]:
    """The splits, cut by a fixed seed; `folder` is not needed.

    Raises:
        DataError: the package's own file is corrupt.
    """
    try:
        text = gzip.decompress((files("sparseift.datasets") / "digits.csv.gz").read_bytes()).decode("ascii")
        rows = np.array([line.split(",") for line in text.split()], dtype=np.uint8)
        pixels, labels = rows[:, :64].reshape(1797, 1, 8, 8), rows[:, 64].astype(np.int64)
    except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise DataError(f"The digits file of the package is corrupt ({error}); install sparseift again.") from error
    test, validation, train = (
        Images(pixels[part], labels[part])
        for part in cut(len(labels), TEST_SAMPLES, VALIDATION_SAMPLES, seed=SPLIT_SEED)
    )
    return Splits(train, validation, test, shape({}))


DIGITS = DatasetCard(
    name="digits",
    summary="1,797 grey 8x8 images of handwritten digits, ten classes; comes with the package, for smoke tests only.",
    task="images",
    metric=Metric("accuracy", "%", "maximize"),
    arguments=(),
    shape=shape,
    load="sparseift.datasets.digits:load",
    fetch=None,
    licence="CC BY 4.0",
    source="Alpaydin and Kaynak 1998, UCI Machine Learning Repository, doi 10.24432/C50P49",
    size_bytes=0,
)
