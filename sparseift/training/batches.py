"""What a training step sees of a part's images, which lie on the device as a whole or are read from their file.

The order of images and their flips and shifts are functions of (seed, epoch), resized crops of (seed, step), and of
nothing else: a resumed run needs no loader state, and dense and sparse runs of one seed see the same batches.
"""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sparseift.datasets.splits import Images
from sparseift.errors import DataError, InvalidValue
from sparseift.records import derive_seed
from sparseift.training import crops
from sparseift.training.recipes import VisionRecipe

EVALUATION_BATCH = 500  # images
NORMALISATION_SAMPLES = 4_096  # images of a file, evenly spaced; with 256x256 pixels that is 0.8 GB to read
READ_AHEAD = 1  # batches that are read while a step computes


@dataclass(frozen=True, slots=True)
class Source:
    """The training images and where they are.

    Attributes:
        images: the part.
        resident: (N, C, H, W) uint8 on the device; None where they stay in their file.
        device: of the batches.
    """

    images: Images
    resident: Tensor | None
    device: torch.device


@dataclass(frozen=True, slots=True)
class Turn:
    """What a step takes, on the device.

    Attributes:
        step: of the run, 0-based.
        chosen: (B,) int64 images of the part; ascending for a file, and on the CPU.
        labels: (B,) int64.
        tops, lefts: (B,) int64 pixels by which a shifted crop lies inside the padded image.
        flips: (B,) bool.
    """

    step: int
    chosen: Tensor
    labels: Tensor
    tops: Tensor
    lefts: Tensor
    flips: Tensor


def source_of(images: Images, device: torch.device) -> Source:
    """Put what is in memory onto the device; leave what is a memory map where it is."""
    if isinstance(images.pixels, np.memmap):
        return Source(images, None, device)
    pixels = images.pixels if images.rows is None else images.pixels[images.rows]
    return Source(images, torch.from_numpy(pixels).to(device), device)


def normalisation(source: Source) -> tuple[Tensor, Tensor]:
    """Mean and 1 / standard deviation of the training images per channel, (C, 1, 1) each, in units of pixels.

    Of all images where they are resident, of `NORMALISATION_SAMPLES` where they are in a file.
    """
    if source.resident is not None:
        counts = _histogram(source.resident)
    else:
        n = len(source.images.labels)
        taken = np.linspace(0, n - 1, min(n, NORMALISATION_SAMPLES)).astype(np.int64)
        parts = np.array_split(taken, -(-len(taken) // EVALUATION_BATCH))
        counts = sum(
            (_histogram(torch.from_numpy(_read(source.images, part))) for part in parts),
            torch.zeros(source.images.pixels.shape[1], 256, dtype=torch.int64),
        ).to(source.device)
    values = torch.arange(256, dtype=torch.float64, device=counts.device)
    weights = counts.double() / counts.sum(1, keepdim=True)  # (C, 256)
    mean = weights @ values
    variance = weights @ values.square() - mean.square()
    scale = variance.clamp_min(1e-4).rsqrt()
    return mean.float()[:, None, None], scale.float()[:, None, None]


def batches(
    source: Source,
    recipe: VisionRecipe,
    *,
    side: tuple[int, int],
    mirrored: bool,
    seed: int,
    first: int,
    total_steps: int,
) -> Generator[tuple[Tensor, Tensor]]:
    """The batches of steps `first` … `total_steps` − 1; close the generator to end before.

    Resident images are padded once, and a batch of shifted crops is one indexed read of a sliding-window view (about
    110,000 images per CPU second). Those of a file are read one batch ahead by a thread, in the file's order, so that
    no more than two batches of it are in memory.

    Args:
        side: height and width of the model's input.
        mirrored: whether a mirror image still shows its class.

    Yields:
        Images (B, C, *side) on the device, uint8 or, resized, float32, not normalised; and their labels (B,) int64.

    Raises:
        DataError: the file is gone or cut short.
        InvalidValue: the images do not exceed the input by the same number of pixels in both directions.
    """
    height, width = side
    margin = _margin(source.images, side)
    smallest_area = recipe.resized_crop_area
    padding = 0 if smallest_area else round(recipe.crop_padding_fraction * height)
    turns = _turns(source, recipe, margin + 2 * padding, seed, first, total_steps)
    read = _from_file if source.resident is None else _from_device
    for turn, pixels, rows in read(source, turns, padding):
        if smallest_area:
            draw = torch.Generator().manual_seed(derive_seed(seed, "crop", turn.step))
            at = crops.boxes(len(rows), smallest_area, pixels.shape[3] / pixels.shape[2], draw).to(source.device)
            images = crops.resized(pixels[rows], at, height, width)
        else:
            images = crops.windows(pixels, height, width)[rows, :, turn.tops, turn.lefts]  # (B, C, height, width)
        if recipe.flip and mirrored:
            images = torch.where(turn.flips[:, None, None, None], images.flip(3), images)
        yield images, turn.labels


def unchanged(images: Images, side: tuple[int, int], device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """All of a part in order, as evaluation sees it: (images (b, C, *side) uint8 from the centre, labels (b,))."""
    height, width = side
    inset = _margin(images, side) // 2
    for at in range(0, len(images.labels), EVALUATION_BATCH):
        part = np.arange(at, min(at + EVALUATION_BATCH, len(images.labels)))
        pixels = torch.from_numpy(_read(images, part))[:, :, inset : inset + height, inset : inset + width]
        yield pixels.to(device), torch.from_numpy(images.labels[part]).to(device)


def _turns(source: Source, recipe: VisionRecipe, reach: int, seed: int, first: int, total_steps: int) -> Iterator[Turn]:
    """A turn for each step; `reach`: the largest shift, in pixels."""
    in_file = source.resident is None
    home = torch.device("cpu") if in_file else source.device  # where an epoch's draws and the labels are
    labels = torch.from_numpy(source.images.labels).to(home)
    samples, steps_per_epoch = len(labels), recipe.steps_per_epoch(len(labels))
    for step in range(first, total_steps):
        epoch, position = divmod(step, steps_per_epoch)
        if position == 0 or step == first:  # a new epoch: the order, and each image's shift and flip
            draw = torch.Generator().manual_seed(derive_seed(seed, "epoch", epoch))
            order = torch.randperm(samples, generator=draw).to(home)
            shifts = torch.randint(reach + 1, (2, samples), generator=draw).to(home)
            flips = (torch.rand(samples, generator=draw) < 0.5).to(home)
        chosen = order[position * recipe.batch_size : (position + 1) * recipe.batch_size]
        if in_file:
            chosen = chosen.sort().values
        tops, lefts = shifts[:, chosen].to(source.device)
        yield Turn(step, chosen, labels[chosen].to(source.device), tops, lefts, flips[chosen].to(source.device))


def _from_device(source: Source, turns: Iterator[Turn], padding: int) -> Iterator[tuple[Turn, Tensor, Tensor]]:
    """Each turn with all images, padded, and which of them are its own."""
    assert source.resident is not None
    padded = F.pad(source.resident, (padding,) * 4)
    for turn in turns:
        yield turn, padded, turn.chosen


def _from_file(source: Source, turns: Iterator[Turn], padding: int) -> Iterator[tuple[Turn, Tensor, Tensor]]:
    """Each turn with its own images, padded, and all their indices; the next turn's are being read meanwhile."""
    on_cuda = source.device.type == "cuda"

    def read(turn: Turn) -> Tensor:
        pixels = torch.from_numpy(_read(source.images, turn.chosen.numpy()))
        return pixels.pin_memory() if on_cuda else pixels

    def handed(turn: Turn, reading: Future[Tensor]) -> tuple[Turn, Tensor, Tensor]:
        pixels = reading.result().to(source.device, non_blocking=True)
        return turn, F.pad(pixels, (padding,) * 4), torch.arange(len(pixels), device=source.device)

    waiting: deque[tuple[Turn, Future[Tensor]]] = deque()
    with ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="batches") as reader:
        for turn in turns:
            waiting.append((turn, reader.submit(read, turn)))
            if len(waiting) > READ_AHEAD:
                yield handed(*waiting.popleft())
        while waiting:
            yield handed(*waiting.popleft())


def _read(images: Images, chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Pixels (n, C, H, W) of some images of a part, copied.

    A file is mapped for this one read: what is mapped and was touched counts as the process's memory, and would grow to
    the whole file.
    """
    pixels: NDArray[np.uint8] = images.pixels
    rows = chosen if images.rows is None else images.rows[chosen]
    if isinstance(pixels, np.memmap):
        try:
            pixels = np.memmap(str(pixels.filename), pixels.dtype, "r", pixels.offset, pixels.shape)
        except (OSError, ValueError) as error:
            raise DataError(f"The images of {pixels.filename} cannot be read any more: {error}.") from error
    return np.asarray(pixels).take(rows, axis=0)


def _margin(images: Images, side: tuple[int, int]) -> int:
    """Pixels by which the images exceed the model's input, in both directions alike."""
    tall, wide = images.pixels.shape[2] - side[0], images.pixels.shape[3] - side[1]
    if tall != wide or tall < 0:
        raise InvalidValue(
            f"The images are {images.pixels.shape[2]} x {images.pixels.shape[3]} pixels and the model takes "
            f"{side[0]} x {side[1]}; they may only be larger, by the same number of pixels in both directions."
        )
    return int(tall)


def _histogram(pixels: Tensor) -> Tensor:
    """(N, C, H, W) bytes -> (C, 256) int64: how often each value occurs."""
    return torch.stack([torch.bincount(channel.flatten(), minlength=256) for channel in pixels.transpose(0, 1)])
