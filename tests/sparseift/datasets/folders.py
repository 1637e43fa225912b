"""Small image folders in ImageNet's layout, made with Pillow."""

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("n01", "n02", "n03")
SIZES = ((40, 30), (17, 33), (25, 25), (64, 20))  # width, height
MODES = ("RGB", "RGB", "L", "CMYK")


def write_image(path: Path, seed: int, mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> None:
    """A JPEG of smooth noise."""
    noise = np.random.RandomState(seed).randint(0, 256, (4, 5, 3)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise).resize(size).convert(mode).save(path, "JPEG", quality=95)


def write_folder(root: Path, train: int = 8, val: int = 4, classes: tuple[str, ...] = CLASSES) -> Path:
    """`train` and `val` images of each class, of odd sizes; every third is grey, every fourth CMYK."""
    for part, n in (("train", train), ("val", val)):
        for c, name in enumerate(classes):
            for i in range(n):
                kind = i % len(MODES)
                path = root / part / name / f"{name}_{i:03d}.JPEG"
                write_image(path, 1000 * c + 10 * i + n, MODES[kind], SIZES[kind])
    return root
