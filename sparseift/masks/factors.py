"""What the projection multiplies weights by: masks in the form that is fastest where they live."""

import torch
from torch import Tensor

from sparseift.masks.sharding import is_sharded, local, part_of


@torch.no_grad()
def factor_of(mask: Tensor, weight: Tensor, previous: Tensor | None) -> Tensor:
    """The factor of one weight, or of this process's shard of it.

    On the CPU the uint8 mask itself (it multiplies 2.7x faster than bool); on an accelerator the weight's dtype, since
    CUDA's one-launch foreach path needs a single one. Storage is kept for as long as the weight is neither moved nor
    cast, so CUDA graphs and compiled functions that hold it see updates and no change.

    Args:
        mask: of the whole weight. previous: the factor before an update, if there is one.
    """
    part, values = part_of(mask, weight), local(weight)
    dtype = mask.dtype if values.device.type == "cpu" else values.dtype
    if not is_sharded(weight) and mask.dtype == dtype:
        return mask  # updates change it in place
    if previous is not None and (previous.shape, previous.dtype, previous.device) == (part.shape, dtype, values.device):
        return previous.copy_(part)
    return part.to(values.device, dtype, copy=True)


def is_factor_of(factor: Tensor, weight: Tensor) -> bool:
    """Whether a factor still fits its weight, which may have been moved or cast since. No host sync."""
    values = local(weight)
    return factor.device == values.device and (values.device.type == "cpu" or factor.dtype == values.dtype)
