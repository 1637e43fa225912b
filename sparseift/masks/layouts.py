"""Tensors as the pools and units of a structure, and the choice of a pool's best units."""

import torch
from torch import Tensor

from sparseift.errors import InvalidValue
from sparseift.masks.structures import Layout


def to_units(layout: Layout, tensor: Tensor) -> Tensor:
    """(pools, units, elements) of a weight-shaped tensor; a copy wherever the order differs from the stored one."""
    matrix = tensor.t() if layout.transposed else tensor
    parted = matrix.reshape(layout.split).permute(layout.order)
    return parted.reshape(layout.pools, layout.units, layout.elements)


def from_units(layout: Layout, units: Tensor, shape: torch.Size) -> Tensor:
    """The weight-shaped tensor of (pools, units, elements), or of (pools, units, 1) spread over the elements."""
    spread = units.expand(layout.pools, layout.units, layout.elements)
    parted = spread.reshape([layout.split[i] for i in layout.order])
    back = [layout.order.index(i) for i in range(len(layout.order))]
    matrix = parted.permute(back)
    if layout.transposed:
        return matrix.reshape(shape[1], shape[0]).t()
    return matrix.reshape(shape)


def unit_scores(layout: Layout, scores: Tensor) -> Tensor:
    """(pools, units): the sum over each unit's elements, in float32 at least."""
    values = to_units(layout, scores)
    if layout.elements == 1:
        return values.squeeze(-1)
    return values.sum(-1, dtype=torch.promote_types(values.dtype, torch.float32))


def choose(scores: Tensor, total: int) -> Tensor:
    """The best units, as evenly over the pools as possible; what is left over goes to the best of the next best.

    With independent random scores this is a uniform draw, because scores are exchangeable.

    Args:
        scores: (pools, units), signed. total: units to choose.

    Returns:
        (pools, units), bool, with exactly `total` ones.
    """
    each, over = divmod(total, len(scores))
    chosen = torch.zeros(scores.shape, dtype=torch.bool, device=scores.device)
    best = torch.topk(scores, each + (over > 0), dim=1)
    chosen.scatter_(1, best.indices[:, :each], True)
    if over:
        pools = torch.topk(best.values[:, each], over).indices
        chosen[pools, best.indices[pools, each]] = True
    return chosen


def draw(layout: Layout, shape: torch.Size, count: int, scores: Tensor | None, generator: torch.Generator) -> Tensor:
    """A mask with `count` ones that obeys the structure, uint8 of the weight's shape, on the scores' device or the CPU.

    Args:
        scores: of the weight's shape; the highest win. None draws at random.
        generator: on the CPU, so that a seed gives the same masks on every device.
    """
    if scores is None and layout.is_flat:
        mask = torch.zeros(layout.units, dtype=torch.uint8)
        mask[torch.randperm(layout.units, generator=generator)[:count]] = 1
        return mask.view(shape)
    if scores is None:
        values = torch.rand(layout.pools, layout.units, generator=generator)
    else:
        values = unit_scores(layout, scores.detach())
    chosen = choose(values, count // layout.elements)
    return from_units(layout, chosen.unsqueeze(-1), shape).to(torch.uint8, memory_format=torch.contiguous_format)


def check_mask(layout: Layout, name: str, mask: Tensor, structure: str) -> None:
    """Refuse a mask that does not obey its structure. A few host syncs.

    Raises:
        InvalidValue: with how the mask must have been attached.
    """
    if layout.is_flat:
        return
    units = to_units(layout, mask)
    active = units[:, :, 0].sum(1)
    obeys = torch.equal(units.amin(-1), units.amax(-1)) and int(active.max()) <= layout.capacity
    if obeys and layout.quantum > layout.elements:  # pools of equal counts
        obeys = int(active.min()) == int(active.max())
    if not obeys:
        raise InvalidValue(
            f"The mask of '{name}' does not obey the schedule's structure '{structure}'; masks must be attached with "
            "the structure that they are trained under."
        )
