"""Random crops of a batch where it lies: padded and shifted, or of random area and aspect and resized."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

ASPECTS = (3 / 4, 4 / 3)  # width over height of a resized crop, log-uniform
TRIES = 10  # draws until a crop fits into its image; then the whole image is taken


def windows(pixels: Tensor, height: int, width: int) -> Tensor:
    """(N, C, H, W) -> (N, C, H − height + 1, W − width + 1, height, width): a view of every crop."""
    return pixels.unfold(2, height, 1).unfold(3, width, 1)


def boxes(n: int, smallest_area: float, aspect: float, draw: torch.Generator) -> Tensor:
    """Where random crops lie in their images, drawn as torchvision's `RandomResizedCrop` draws them.

    Args:
        smallest_area: areas are uniform in [this, 1], as fractions of the image's.
        aspect: of the images, width over height.
        draw: a generator on the CPU.

    Returns:
        (n, 4): top, left, height, width, as fractions of the image's height or width; not rounded to pixels.
    """
    area = smallest_area + (1.0 - smallest_area) * torch.rand(TRIES, n, generator=draw)
    low, high = map(math.log, ASPECTS)
    ratio = torch.exp(low + (high - low) * torch.rand(TRIES, n, generator=draw)) / aspect
    heights, widths = (area / ratio).sqrt(), (area * ratio).sqrt()
    fits = (heights <= 1.0) & (widths <= 1.0)
    first = (fits * torch.arange(TRIES, 0, -1)[:, None]).argmax(0)  # no ties, which argmax may break either way
    some = fits.any(0)
    height, width = (torch.where(some, sizes[first, torch.arange(n)], 1.0) for sizes in (heights, widths))
    top, left = torch.rand(2, n, generator=draw)
    return torch.stack([top * (1.0 - height), left * (1.0 - width), height, width], dim=1)


def resized(pixels: Tensor, at: Tensor, height: int, width: int) -> Tensor:
    """Crops resized to (height, width), bilinearly and without a low-pass filter.

    Args:
        pixels: (B, C, H, W) uint8.
        at: (B, 4) as `boxes` gives them, on the same device.

    Returns:
        (B, C, height, width) float32, in the units of `pixels`.
    """
    top, left, tall, wide = at.unbind(1)
    none = torch.zeros_like(top)
    across = torch.stack([wide, none, 2.0 * left + wide - 1.0], dim=1)  # from [-1, 1] of the crop to that of the image
    down = torch.stack([none, tall, 2.0 * top + tall - 1.0], dim=1)
    grid = F.affine_grid(
        torch.stack([across, down], dim=1), [len(pixels), pixels.shape[1], height, width], align_corners=False
    )
    return F.grid_sample(pixels.float(), grid, padding_mode="border", align_corners=False)
