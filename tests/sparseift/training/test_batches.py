"""Batches: the same images from memory and from a file, in an order that only seed, epoch and step decide."""

import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from torch import Tensor

from sparseift.datasets.splits import Images
from sparseift.errors import DataError, InvalidValue
from sparseift.training.batches import Source, batches, normalisation, source_of, unchanged
from sparseift.training.recipes import VisionRecipe

CPU = torch.device("cpu")
STORED, SIDE, SAMPLES = 10, 8, 30  # pixels, pixels, images of a part
CROPS = {"whole": {}, "shifted": {"crop_padding_fraction": 0.0}, "resized": {"resized_crop_area": 0.1}}


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, Images]:
    """The same images in memory and as some rows of a file; an image's label is its number."""
    pixels = np.random.RandomState(0).randint(0, 256, (50, 3, STORED, STORED)).astype(np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    rows = np.sort(np.random.RandomState(1).permutation(50)[:SAMPLES])
    labels = np.arange(SAMPLES, dtype=np.int64)
    return {
        "memory": Images(pixels[rows], labels),
        "rows": Images(pixels, labels, rows),
        "file": Images(np.load(tmp_path / "pixels.npy", mmap_mode="r"), labels, rows),
    }


def steps(source: Source, first: int = 0, seed: int = 1, **settings: float) -> list[tuple[Tensor, Tensor]]:
    recipe = VisionRecipe(epochs=2, batch_size=7, **settings)  # type: ignore[arg-type]
    total = recipe.total_steps(SAMPLES)
    return list(batches(source, recipe, side=(SIDE, SIDE), mirrored=True, seed=seed, first=first, total_steps=total))


@pytest.mark.parametrize("crop", CROPS)
def test_a_file_gives_what_memory_gives_in_the_files_order(parts: dict[str, Images], crop: str) -> None:
    memory, rows, file = (steps(source_of(part, CPU), **CROPS[crop]) for part in parts.values())
    assert source_of(parts["file"], CPU).resident is None
    assert len(memory) == len(file) == 8
    for (images, labels), (same, same_labels), (read, read_labels) in zip(memory, rows, file, strict=True):
        assert torch.equal(same, images)
        assert torch.equal(same_labels, labels)
        order = labels.argsort()
        assert torch.equal(read_labels, labels[order])
        assert (read.dtype, read.shape) == (images.dtype, (7, 3, SIDE, SIDE))
        if crop != "resized":  # whose boxes are drawn for the places in the batch
            assert torch.equal(read, images[order])


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_resumed_run_sees_what_an_undisturbed_one_sees(parts: dict[str, Images], kind: str, crop: str) -> None:
    source = source_of(parts[kind], CPU)
    whole, rest = steps(source, **CROPS[crop]), steps(source, first=3, **CROPS[crop])
    for (images, labels), (again, same_labels) in zip(whole[3:], rest, strict=True):
        assert torch.equal(again, images)
        assert torch.equal(same_labels, labels)
    other = steps(source, seed=2, **CROPS[crop])
    assert not all(torch.equal(a, b) for (_, a), (_, b) in zip(whole, other, strict=True))


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_an_epoch_shows_no_image_twice_and_crops_where_it_says(parts: dict[str, Images], kind: str) -> None:
    shown = steps(source_of(parts[kind], CPU), crop_padding_fraction=0.0)
    assert len({label for _, labels in shown[:4] for label in labels.tolist()}) == 28
    windows = torch.from_numpy(parts["memory"].pixels).unfold(2, SIDE, 1).unfold(3, SIDE, 1)  # (N, 3, 3, 3, 8, 8)
    found = set()
    for images, labels in shown:
        for image, label in zip(images, labels, strict=True):
            for flipped in (False, True):
                hits = (windows[label] == (image.flip(2) if flipped else image)[:, None, None]).all(0).all(-1).all(-1)
                found |= {(flipped, *place) for place in hits.nonzero().tolist()}
    assert len(found) == 2 * 3 * 3  # every shift, mirrored and not


@pytest.mark.parametrize("kind", ["memory", "rows", "file"])
def test_evaluation_sees_the_middle_of_every_image_in_order(parts: dict[str, Images], kind: str) -> None:
    ((images, labels),) = unchanged(parts[kind], (SIDE, SIDE), CPU)
    assert torch.equal(images, torch.from_numpy(parts["memory"].pixels[:, :, 1:9, 1:9]))
    assert labels.tolist() == list(range(SAMPLES))


def test_normalisation_is_of_the_parts_own_images(parts: dict[str, Images]) -> None:
    pixels = parts["memory"].pixels.astype(np.float64)
    for part in parts.values():
        mean, scale = normalisation(source_of(part, CPU))
        np.testing.assert_allclose(mean.flatten(), pixels.mean((0, 2, 3)), rtol=1e-6)
        np.testing.assert_allclose(1.0 / scale.flatten(), pixels.std((0, 2, 3)), rtol=1e-6)


def test_memory_stays_bounded_and_no_thread_is_left(tmp_path: Path) -> None:
    samples, side = 2_000, 128  # 98 MB
    pixels = np.lib.format.open_memmap(tmp_path / "p.npy", mode="w+", dtype=np.uint8, shape=(samples, 3, side, side))
    del pixels  # a sparse file: reading costs no disk
    images = Images(np.load(tmp_path / "p.npy", mmap_mode="r"), np.zeros(samples, dtype=np.int64))
    recipe = VisionRecipe(epochs=1, batch_size=50, crop_padding_fraction=0.0)
    before, largest = psutil.Process().memory_info().rss, 0
    feed = batches(source_of(images, CPU), recipe, side=(side, side), mirrored=True, seed=0, first=0, total_steps=40)
    with closing(feed):
        for step, _ in enumerate(feed):
            largest = max(largest, psutil.Process().memory_info().rss - before)
            if step == 35:
                break
    assert largest < 50e6
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_images_that_do_not_fit_and_files_that_are_gone_are_told(parts: dict[str, Images], tmp_path: Path) -> None:
    recipe = VisionRecipe(epochs=1, batch_size=7)
    for side in ((STORED + 2, STORED + 2), (SIDE, STORED)):
        with pytest.raises(InvalidValue, match="images are 10 x 10 pixels and the model takes"):
            next(
                batches(source_of(parts["file"], CPU), recipe, side=side, mirrored=True, seed=0, first=0, total_steps=4)
            )
    (tmp_path / "pixels.npy").unlink()
    with pytest.raises(DataError, match=r"pixels\.npy cannot be read any more"):
        steps(source_of(parts["file"], CPU))
