"""One drop-and-grow update of one mask: exact counts, active-only top-k."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sparseift.masks.scores import Method


@dataclass(frozen=True, slots=True)
class Change:
    """Positions in the flattened tensor, row by row.

    Attributes:
        dropped: active before, inactive now.
        grown: inactive before, active now.
    """

    dropped: Tensor
    grown: Tensor


@torch.no_grad()
def drop_and_grow(
    weight: Tensor, gradient: Tensor, mask: Tensor, method: Method, drop_fraction: float, generator: torch.Generator
) -> Change:
    """Drop the lowest-scored share of the active weights and grow as many, in place; the number of ones never changes.

    Weights just dropped compete for growth too and, if regrown, were never away: they keep value and optimizer state
    (as in the official code). The caller zeroes what was dropped and resets the optimizer state of what was grown.

    Args:
        weight, gradient, mask: of one shape, in any memory format; mask is uint8.
        drop_fraction: α_t, share of the active weights.
    """
    flat_weight, flat_gradient, before = weight.reshape(-1), gradient.reshape(-1), mask.reshape(-1)
    flat_mask = before.clone()
    active = flat_mask.nonzero().view(-1)  # sorting active weights alone is what makes high sparsity cheap
    count = int(drop_fraction * active.numel())
    if count == 0 or active.numel() == flat_mask.numel():
        none = active[:0]
        return Change(none, none)
    drop_scores = method.drop(flat_weight[active], flat_gradient[active], generator)
    lowest = torch.topk(drop_scores, count, largest=False, sorted=False).indices
    flat_mask[active[lowest]] = 0
    grow_scores = method.grow(flat_weight, flat_gradient, generator)
    grow_scores.masked_fill_(flat_mask.bool(), -1.0)  # scores are never negative
    chosen = torch.topk(grow_scores, count, sorted=False).indices
    flat_mask[chosen] = 1
    difference = flat_mask.to(torch.int8) - before.to(torch.int8)  # `before` may be a view of the mask: compare first
    mask.copy_(flat_mask.view(mask.shape))
    return Change(dropped=(difference < 0).nonzero().view(-1), grown=(difference > 0).nonzero().view(-1))


@torch.no_grad()
def fill_at(tensor: Tensor, positions: Tensor, value: float = 0.0) -> None:
    """Set the flat positions of a tensor of any memory format, in place."""
    tensor[torch.unravel_index(positions, tensor.shape)] = value
