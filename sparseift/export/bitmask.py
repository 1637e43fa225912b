"""Masks at one bit per weight."""

import math

import numpy as np
import torch
from torch import Tensor

from sparseift.errors import InvalidValue


def pack(mask: Tensor) -> Tensor:
    """Eight mask entries a byte, the first in the highest bit, row by row; the last byte is filled with zeros.

    Args:
        mask: of zeros and ones, any shape and dtype.

    Returns:
        uint8, (⌈numel / 8⌉,), on the CPU.

    Raises:
        InvalidValue: an entry that is neither 0 nor 1.
    """
    flat = mask.detach().reshape(-1).cpu()
    ones = flat != 0
    if not torch.equal(ones.to(flat.dtype), flat):
        raise InvalidValue(f"A mask holds {flat[ones.to(flat.dtype) != flat][0].item()}; its entries must be 0 or 1.")
    return torch.from_numpy(np.packbits(ones.numpy()))


def unpack(bits: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The uint8 mask of this shape; the inverse of `pack`.

    Raises:
        InvalidValue: `bits` are not the bytes that a mask of this shape packs into.
    """
    numel = math.prod(shape)
    if bits.dtype != torch.uint8 or bits.shape != (-(-numel // 8),):
        raise InvalidValue(
            f"The packed mask is {bits.dtype} of shape {tuple(bits.shape)}; a mask of shape {shape} takes "
            f"{-(-numel // 8)} bytes."
        )
    unpacked = np.unpackbits(bits.cpu().numpy(), count=numel) if numel else np.empty(0, np.uint8)
    return torch.from_numpy(unpacked).reshape(shape)
