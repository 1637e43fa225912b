"""Dense gradients set aside for a mask update: summed over steps, each with its own loss scale undone."""

from collections.abc import Mapping

import torch
from torch import Tensor

from sparseift.masks.sharding import local


@torch.no_grad()
def add_up(sums: dict[str, Tensor], gradients: Mapping[str, Tensor], scale: Tensor | None) -> None:
    """Add gradients to sums, in place; the first of a name is copied. A constant number of operators, no host sync.

    Args:
        sums, gradients: parameter name -> tensor, whole or sharded.
        scale: that the loss was multiplied with; None where the gradients are true ones.
    """
    known = [name for name in gradients if name in sums]
    if known:
        terms = [local(gradients[name]) for name in known]
        if scale is not None:
            terms = list(torch._foreach_div(terms, scale))
        torch._foreach_add_([local(sums[name]) for name in known], terms)
    new = [name for name in gradients if name not in sums]
    if new:
        copies = torch._foreach_div([gradients[name] for name in new], 1.0 if scale is None else scale)
        sums.update(zip(new, copies, strict=True))
