"""Copies of a model for whoever must not change the original, and the model inside its wrappers."""

import copy
from typing import Any

from torch import nn


def copy_of(model: nn.Module, *, sharing: bool = False) -> nn.Module:
    """The model's modules anew; what a `MaskTrainer` hangs on them does nothing in a copy.

    Args:
        sharing: whether the copy holds the very tensors of the original; then modules may be exchanged in the copy, and
            no tensor may be written to.
    """
    kept: dict[int, Any] = {}
    for module in model.modules():
        if sharing:
            tensors = (*module._parameters.values(), *module._buffers.values())
            kept.update((id(tensor), tensor) for tensor in tensors if tensor is not None)
    return copy.deepcopy(model, kept)


def unwrapped(model: nn.Module) -> nn.Module:
    """The model that `torch.compile`, `DataParallel` and `DistributedDataParallel`, in whatever order, were given.

    Inside them every name has a prefix, and no class is the model's own.
    """
    while True:
        compiled = model._modules.get("_orig_mod")  # its class is dynamo's, whose import takes seconds
        if compiled is not None and type(model).__name__ == "OptimizedModule":
            model = compiled
        elif isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        else:
            return model
