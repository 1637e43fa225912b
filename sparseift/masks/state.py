"""Masks live in the model: for a weight "w" its owner module holds a persistent uint8 buffer "w_mask".

So `model.state_dict()` alone restores a sparse model, and nothing else can get out of step with it. A weight whose
density changes during training has a persistent int64 buffer "w_target" too: (start, final) numbers of active weights.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sparseift.errors import InvalidValue
from sparseift.families.kinds import is_hugging_face_conv1d
from sparseift.masks.layouts import draw
from sparseift.masks.sharding import is_sharded, local, part_of
from sparseift.masks.structures import parse

SUFFIX = "_mask"
TARGET_SUFFIX = "_target"


def owner_of(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The module that holds the parameter or buffer `name`, and its name there."""
    path, _, leaf = name.rpartition(".")
    return model.get_submodule(path), leaf


def masks_of(model: nn.Module) -> dict[str, Tensor]:
    """Parameter name -> its uint8 mask, in model order."""
    return _buffers(model, SUFFIX)


def targets_of(model: nn.Module) -> dict[str, tuple[int, int]]:
    """Parameter name -> (start, final) active weights, of those whose density a schedule changes."""
    return {name: (int(pair[0]), int(pair[1])) for name, pair in _buffers(model, TARGET_SUFFIX).items()}


def _buffers(model: nn.Module, suffix: str) -> dict[str, Tensor]:
    buffers = dict(model.named_buffers())
    return {name: buffers[name + suffix] for name, _parameter in model.named_parameters() if name + suffix in buffers}


@torch.no_grad()
def attach_masks(
    model: nn.Module,
    nonzeros: Mapping[str, int],
    seed: int,
    *,
    structure: str = "unstructured",
    scores: Mapping[str, Tensor] | None = None,
    targets: Mapping[str, int] | None = None,
) -> None:
    """Give the named parameters masks with exactly so many ones, and zero what they cover.

    Args:
        nonzeros: parameter name -> active weights: legal numbers of the structure, at most the parameter's size.
        seed: of random positions; the same seed gives the same masks on every device.
        structure: see `sparseift.masks.structures`.
        scores: parameter name -> scores of its shape, signed; the highest are active. None draws at random.
        targets: parameter name -> active weights at the end of a density ramp; None where nothing changes.

    Raises:
        UnknownName, InvalidValue: no such structure, or one that a weight's shape or number cannot have; a number
            out of range; scores that are missing, NaN or of another shape; a sharded weight. The model is left as it
            was.
    """
    generator = torch.Generator().manual_seed(seed)
    parsed = parse(structure)
    masks: dict[str, Tensor] = {}
    for name, active in nonzeros.items():
        module, leaf = owner_of(model, name)
        weight: Tensor = getattr(module, leaf)
        if is_sharded(weight):
            raise InvalidValue(f"'{name}' is sharded over processes; a model gets its masks before it is sharded.")
        layout = parsed.layout(tuple(weight.shape), is_hugging_face_conv1d(module))
        for number in (active, (targets or {}).get(name, active)):
            layout.check_count(name, number)
        if scores is not None and (name not in scores or scores[name].shape != weight.shape):
            raise InvalidValue(f"There are no scores of shape {tuple(weight.shape)} for '{name}'.")
        if scores is not None and bool(scores[name].isnan().any()):
            raise InvalidValue(f"The scores of '{name}' hold NaN; a mask is chosen by numbers.")
        masks[name] = draw(layout, weight.shape, active, None if scores is None else scores[name], generator)
    for name, mask in masks.items():
        module, leaf = owner_of(model, name)
        weight = getattr(module, leaf)
        module.register_buffer(leaf + SUFFIX, mask.to(weight.device))
        weight.mul_(mask.to(weight.device))
        module._buffers.pop(leaf + TARGET_SUFFIX, None)  # of masks that were there before
        final = (targets or {}).get(name, nonzeros[name])
        if final != nonzeros[name]:
            pair = torch.tensor([nonzeros[name], final], device=weight.device)
            module.register_buffer(leaf + TARGET_SUFFIX, pair)


@torch.no_grad()
def project_masks(model: nn.Module) -> None:
    """Multiply a model's masked weights by their masks, in place: after averaging weights (EMA, SWA), or any other
    change from outside.

    Example:
        >>> import torch, sparseift
        >>> from torch import nn
        >>> layers = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)]
        >>> model = nn.Sequential(*layers)
        >>> point = sparseift.transform(model, "sparse_parallel", 0.75, torch.zeros(1, 64))
        >>> for parameter in model.parameters():
        ...     _ = nn.init.ones_(parameter)
        >>> sparseift.project_masks(model)
        >>> all(model.get_parameter(n)[m == 0].sum() == 0 for n, m in sparseift.masks_of(model).items())
        True
    """
    for name, mask in masks_of(model).items():
        weight = model.get_parameter(name)
        local(weight).mul_(part_of(mask, weight))


def sparsity_of(model: nn.Module) -> float:
    """Share of masked weights that are zero; 0 for a model without masks."""
    masks = masks_of(model).values()
    total = sum(m.numel() for m in masks)
    return 1.0 - sum(int(torch.count_nonzero(m)) for m in masks) / total if total else 0.0
