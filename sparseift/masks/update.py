"""One drop-and-grow update of one mask: exact counts, active-only top-k, under any structure."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sparseift.masks.layouts import from_units, to_units, unit_scores
from sparseift.masks.scores import Method
from sparseift.masks.structures import Layout


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
    weight: Tensor,
    signal: Tensor,
    mask: Tensor,
    method: Method,
    drop_fraction: float,
    generator: torch.Generator,
    layout: Layout | None = None,
    target: int | None = None,
) -> Change:
    """Drop the lowest-scored share of the active weights and grow back to the target count, in place.

    Weights just dropped compete for growth too and, if regrown, were never away: they keep value and optimizer state
    (as in the official code). The caller zeroes what was dropped and resets the optimizer state of what was grown.
    When the target is below the present count, the difference is dropped first (Liu et al. 2021, GraNet).

    Args:
        weight, signal, mask: of one shape, in any memory format; mask is uint8. signal: gradient or momentum.
        generator: on the CPU, so that a seed grows the same masks on every device.
        drop_fraction: α_t, share of the active weights that are exchanged.
        layout: of the structure that the mask obeys; None for none. Units are dropped where the sum over their elements
            is lowest in the whole layer, and each pool grows back to its own target.
        target: active weights afterwards, a number that the layout allows; None keeps the count.
    """
    before = mask.reshape(-1)  # perhaps a view: what it holds changes with `mask`, in the end
    if layout is None or layout.is_flat:
        after = _flat(weight, signal, before, method, drop_fraction, generator, target)
    else:
        after = _pooled(weight, signal, mask, method, drop_fraction, generator, layout, target).reshape(-1)
    if after is before:
        none = torch.empty(0, dtype=torch.int64, device=mask.device)
        return Change(none, none)
    difference = after.to(torch.int8) - before.to(torch.int8)
    mask.copy_(after.view(mask.shape))
    return Change(dropped=(difference < 0).nonzero().view(-1), grown=(difference > 0).nonzero().view(-1))


def _flat(
    weight: Tensor,
    signal: Tensor,
    before: Tensor,
    method: Method,
    drop_fraction: float,
    generator: torch.Generator,
    target: int | None,
) -> Tensor:
    """The new mask, flat: one pool of single elements. `before` itself when nothing can change."""
    active = before.nonzero().view(-1)  # sorting active weights alone is what makes high sparsity cheap
    count = active.numel()
    target = count if target is None else target
    dropped = max(0, count - target) + int(drop_fraction * min(count, target))
    grown = dropped + target - count
    if (dropped == 0 and grown == 0) or (count == before.numel() and target == count):
        return before
    flat_weight, flat_signal, after = weight.reshape(-1), signal.reshape(-1), before.clone()
    if dropped:
        drop_scores = method.drop(flat_weight[active], flat_signal[active], generator)
        after[active[torch.topk(drop_scores, dropped, largest=False, sorted=False).indices]] = 0
    if grown:
        grow_scores = method.grow(flat_weight, flat_signal, generator)
        grow_scores.masked_fill_(after.bool(), -1.0)  # scores are never negative
        after[torch.topk(grow_scores, grown, sorted=False).indices] = 1
    return after


def _pooled(
    weight: Tensor,
    signal: Tensor,
    mask: Tensor,
    method: Method,
    drop_fraction: float,
    generator: torch.Generator,
    layout: Layout,
    target: int | None,
) -> Tensor:
    """The new mask, of the weight's shape: all pools at once."""
    active = to_units(layout, mask)[:, :, 0].bool()  # (pools, units)
    counts = active.sum(1)
    total = int(counts.sum())
    wanted = total if target is None else target // layout.elements
    targets = counts if wanted == total else _balanced(counts, wanted, layout, generator)
    drop_scores = unit_scores(layout, method.drop(weight, signal, generator))
    if wanted < total:  # every pool down to its own target first
        active = _best(drop_scores.masked_fill(~active, -1.0), torch.minimum(counts, targets))
    if exchanged := int(drop_fraction * min(total, wanted)):
        positions = active.reshape(-1).nonzero().view(-1)
        lowest = torch.topk(drop_scores.reshape(-1)[positions], exchanged, largest=False, sorted=False).indices
        active = active.reshape(-1).index_fill(0, positions[lowest], False).view(active.shape)
    missing = targets - active.sum(1)
    if int(missing.max()):
        grow_scores = unit_scores(layout, method.grow(weight, signal, generator))
        active = active | _best(grow_scores.masked_fill(active, -1.0), missing)
    return from_units(layout, active.unsqueeze(-1), mask.shape).to(torch.uint8)


def _best(scores: Tensor, counts: Tensor) -> Tensor:
    """The `counts` (pools) highest of `scores` (pools, units) in each pool, as (pools, units) bool."""
    most = int(counts.max())
    positions = torch.topk(scores, most, dim=1).indices
    chosen = torch.zeros(scores.shape, dtype=torch.bool, device=scores.device)
    return chosen.scatter_(1, positions, torch.arange(most, device=scores.device) < counts.unsqueeze(1))


def _balanced(counts: Tensor, wanted: int, layout: Layout, generator: torch.Generator) -> Tensor:
    """Targets of the pools, as equal as possible; what is left over stays where most is, or falls where it may."""
    each, over = divmod(wanted, layout.pools)
    targets = torch.full_like(counts, each)
    if over:
        luck = torch.rand(counts.shape, generator=generator).to(counts.device)
        targets[torch.topk(counts + luck, over).indices] += 1
    return targets


@torch.no_grad()
def fill_at(tensor: Tensor, positions: Tensor, value: float = 0.0) -> None:
    """Set the flat positions of a tensor of any memory format, in place."""
    tensor[torch.unravel_index(positions, tensor.shape)] = value
