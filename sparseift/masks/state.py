"""Masks live in the model: for a weight "w" its owner module holds a persistent uint8 buffer "w_mask".

So `model.state_dict()` alone restores a sparse model, and nothing else can get out of step with it.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

SUFFIX = "_mask"


def owner_of(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The module that holds the parameter or buffer `name`, and its name there."""
    path, _, leaf = name.rpartition(".")
    return model.get_submodule(path), leaf


def masks_of(model: nn.Module) -> dict[str, Tensor]:
    """Parameter name -> its uint8 mask, in model order."""
    buffers = dict(model.named_buffers())
    return {name: buffers[name + SUFFIX] for name, _parameter in model.named_parameters() if name + SUFFIX in buffers}


def attach_random_masks(model: nn.Module, nonzeros: Mapping[str, int], seed: int) -> None:
    """Give the named parameters masks with exactly so many ones, uniformly at random, and zero what they cover.

    Args:
        nonzeros: parameter name -> active weights, between 0 and the parameter's size.
        seed: of the positions; the same seed gives the same masks on every device.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, active in nonzeros.items():
        module, leaf = owner_of(model, name)
        weight: Tensor = getattr(module, leaf)
        mask = torch.zeros(weight.numel(), dtype=torch.uint8)
        mask[torch.randperm(weight.numel(), generator=generator)[:active]] = 1
        mask = mask.view(weight.shape).to(weight.device)
        module.register_buffer(leaf + SUFFIX, mask)
        with torch.no_grad():
            weight.mul_(mask)


def sparsity_of(model: nn.Module) -> float:
    """Share of masked weights that are zero; 0 for a model without masks."""
    masks = masks_of(model).values()
    total = sum(m.numel() for m in masks)
    return 1.0 - sum(int(torch.count_nonzero(m)) for m in masks) / total if total else 0.0
