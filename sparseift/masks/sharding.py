"""Masks over parameters that are sharded over processes: DTensors, as FSDP2's `fully_shard` makes them.

Masks stay whole on every process. A step multiplies each process's shard by its part of the mask, without
communication; a mask update gathers one weight at a time and is computed alike everywhere, so masks stay equal.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from sparseift.masks.update import fill_at

_MODULE = "torch.distributed.tensor"


def is_sharded(tensor: Tensor) -> bool:
    """Whether it is a DTensor; torch's module is not imported for the question, for without it there are none."""
    module = sys.modules.get(_MODULE)
    return module is not None and isinstance(tensor, module.DTensor)


def local(tensor: Tensor) -> Tensor:
    """What this process holds: a view of a DTensor's shard, or the tensor itself. Without gradients."""
    if not is_sharded(tensor):
        return tensor
    sharded: Any = tensor
    shard: Tensor = sharded.to_local()
    return shard


def whole(tensor: Tensor) -> Tensor:
    """The full tensor, gathered from all processes (which must all ask), or the tensor itself."""
    if not is_sharded(tensor):
        return tensor
    sharded: Any = tensor
    gathered: Tensor = sharded.full_tensor()
    return gathered


def part_of(full: Tensor, like: Tensor) -> Tensor:
    """The part of a full tensor, equal on all processes, that this one holds of `like`; no communication."""
    if not is_sharded(like):
        return full
    sharded: Any = like
    distribute = sys.modules[_MODULE].distribute_tensor
    part: Tensor = distribute(full, sharded.device_mesh, sharded.placements, src_data_rank=None).to_local()
    return part


@torch.no_grad()
def fill(tensor: Tensor, positions: Tensor, value: float = 0.0) -> None:
    """Set flat positions of the whole tensor, in place, on whichever process holds them."""
    if not is_sharded(tensor):
        fill_at(tensor, positions, value)
        return
    flags = torch.zeros(tensor.shape, dtype=torch.bool, device=positions.device)
    flags.view(-1)[positions] = True
    local(tensor).masked_fill_(part_of(flags, tensor), value)


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no process holds an infinity or a NaN. One host sync for all of them."""
    tensors = list(tensors)
    flag = torch.stack([torch.isfinite(local(t)).all() for t in tensors]).all()
    for mesh in {id(m): m for m in (_mesh(t) for t in tensors) if m is not None}.values():
        wrong = (~flag).to(torch.int32)
        for dimension in range(mesh.ndim):
            torch.distributed.all_reduce(wrong, group=mesh.get_group(dimension))
        flag = wrong == 0
    return bool(flag)


def total_norm(norms: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    """The 2-norm of whole tensors together, from the norms of what this process holds of each.

    Args:
        norms: (len(tensors),).

    Returns:
        A scalar tensor; no host sync.
    """
    if not any(is_sharded(t) for t in tensors):
        norm: Tensor = torch.linalg.vector_norm(norms)
        return norm
    squares = norms.square()
    layouts: dict[object, tuple[Any, list[int]]] = {}  # one reduction for all tensors that are sharded alike
    for i, tensor in enumerate(tensors):
        sharded: Any = tensor
        key = (id(_mesh(tensor)), str(sharded.placements)) if is_sharded(tensor) else None
        layouts.setdefault(key, (tensor, []))[1].append(i)
    total = torch.zeros((), device=norms.device, dtype=norms.dtype)
    for sharded, members in layouts.values():
        subtotal = squares[members].sum()
        if is_sharded(sharded):
            for dimension, placement in enumerate(sharded.placements):
                if placement.is_shard():
                    torch.distributed.all_reduce(subtotal, group=sharded.device_mesh.get_group(dimension))
        total = total + subtotal
    return total.sqrt()


def _mesh(tensor: Tensor) -> Any:
    sharded: Any = tensor
    return sharded.device_mesh if is_sharded(tensor) else None
