"""A sparse model made plain again: without masks, and without blocks that are only a factorisation of one matrix.

Without its σ, every family's block is linear (docs/explanation): Parallel is Σ_j θ_j, Factorized V·U and Doped
θ + V·U. Blocks whose σ is the identity fold into the layer that they once replaced; with a real σ they are the network.
"""

from typing import cast

import torch
from torch import Tensor, nn

from sparseift.families.blocks import Block, Doped, Factorized, Packed, Parallel
from sparseift.families.kinds import Layer, like
from sparseift.masks.state import SUFFIX, TARGET_SUFFIX
from sparseift.replacement import Swaps


def remove_masks(model: nn.Module) -> nn.Module:
    """Drop the buffers `<weight>_mask` and `<weight>_target`, in place; the weights stay zero where they were masked.

    A `MaskTrainer` must not train the model any further: what it holds no longer belongs to the model.

    Returns:
        The model itself, whose `state_dict()` is a plain one.
    """
    for module in model.modules():
        for leaf, weight in module._parameters.items():
            mask = module._buffers.get(leaf + SUFFIX)
            if weight is None or mask is None:
                continue
            with torch.no_grad():  # chosen, not multiplied: 0 · NaN is NaN, and 0 · −1 is −0
                weight.copy_(torch.where(mask.bool(), weight, torch.zeros_like(weight)))
            for suffix in (SUFFIX, TARGET_SUFFIX):
                if leaf + suffix in module._buffers:
                    delattr(module, leaf + suffix)
    return model


def squash(model: nn.Module) -> nn.Module:
    """`remove_masks`, and fold every block whose σ is the identity into one layer of equal outputs, in place.

    Blocks with a real σ (batch norm is one) are left as they are.

    Returns:
        The model itself; or the folded layer, where the model is a block.
    """
    remove_masks(model)
    swaps = Swaps(model)
    # A part of a packed projection folds with the projection, or stays with it.
    parts = {id(part) for module in model.modules() if isinstance(module, Packed) for part in module.parts}
    for name, module in [(name, module) for name, module in model.named_modules() if id(module) not in parts]:
        layer = _folded(module)
        if layer is None:
            continue
        layer.train(module.training)
        if not name:
            return layer
        swaps.put(name, layer)
    return model


def _folded(module: nn.Module) -> Layer | None:
    """The plain layer that a block is, if it is one."""
    if isinstance(module, Packed):
        parts = [_folded(part) for part in module.parts]
        if any(part is None for part in parts):
            return None
        biases = [cast(Layer, part).bias for part in parts]
        weight = torch.cat([cast(Layer, part).weight for part in parts])
        bias = None if biases[0] is None else torch.cat([cast(Tensor, b) for b in biases])
        return _layer(cast(Layer, parts[0]), weight, bias)
    if not isinstance(module, Block):
        return None
    sigmas = module.sigma if isinstance(module, Parallel) else [module.sigma]
    if not all(type(sigma) is nn.Identity for sigma in sigmas):
        return None
    if isinstance(module, Parallel):
        branches = [cast(Layer, branch) for branch in module.branches]
        exact = [_exact(branch.weight) for branch in branches]
        return _layer(branches[0], sum(exact[1:], exact[0]), module.output.bias)
    product = _product(module)
    if isinstance(module, Doped):
        product = product + _exact(module.theta.weight)
    return _layer(module.u, product, module.output.bias)


def _product(block: Factorized | Doped) -> Tensor:
    """V·U: (D_out, D_in) or (C_out, C_in / groups, kernel…). V has kernel 1, so each tap contracts on its own."""
    u, v = _exact(block.u.weight), _exact(block.v.weight)
    groups = 1 if isinstance(block.u, nn.Linear) else block.u.groups
    rank, outputs = u.shape[0] // groups, v.shape[0] // groups
    u_per_group = u.reshape(groups, rank, -1)  # (groups, d / groups, C_in / groups · K)
    v_per_group = v.reshape(groups, outputs, rank)
    return torch.bmm(v_per_group, u_per_group).reshape(groups * outputs, *u.shape[1:])


def _exact(weight: Tensor) -> Tensor:
    """In single precision at least, so that half precision rounds once."""
    return weight.detach().to(torch.promote_types(weight.dtype, torch.float32))


def _layer(pattern: Layer, weight: Tensor, bias: Tensor | None) -> Layer:
    """A layer of the pattern's kernel, stride, padding, dilation and groups, with these weights."""
    with torch.random.fork_rng(devices=[]):  # its first weights are drawn and thrown away
        layer = like(pattern, weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
    layer.weight.requires_grad_(pattern.weight.requires_grad)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone(), requires_grad=bias.requires_grad)
    return layer
