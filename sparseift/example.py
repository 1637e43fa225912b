"""What a model is called with: one tensor, positional arguments, or keywords as Hugging Face models take them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from sparseift.errors import InvalidValue

Example = Tensor | tuple[Any, ...] | Mapping[str, Any]
"""A tensor (the only argument), a tuple (positional arguments) or a mapping (keywords); arguments may nest tensors in
lists, tuples and dictionaries, beside anything else."""


def arguments_of(example: Example) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The positional and keyword arguments that an example stands for: `model(*args, **kwargs)`.

    Raises:
        InvalidValue: it is none of the three forms.
    """
    if isinstance(example, Tensor):
        return (example,), {}
    if isinstance(example, tuple):
        return tuple(example), {}
    if isinstance(example, Mapping):
        return (), dict(example)
    raise InvalidValue(
        f"The example input is a {type(example).__name__}; it must be a tensor (the only argument), "
        "a tuple (positional arguments) or a mapping (keyword arguments)."
    )


def tensors_of(example: Example) -> list[Tensor]:
    """Every tensor of an example, however deep, in order."""
    return [leaf for leaf in tree_leaves(arguments_of(example)) if isinstance(leaf, Tensor)]


def one_sample(example: Example) -> None:
    """Check that an example is a batch of one sample: every tensor of it but scalars has a first dimension of 1.

    Raises:
        InvalidValue: it is not, or holds no tensor.
    """
    tensors = tensors_of(example)
    if not tensors:
        raise InvalidValue("The example input holds no tensor; it must hold one sample, as a batch of 1.")
    for tensor in tensors:
        if tensor.ndim and tensor.shape[0] != 1:
            raise InvalidValue(
                f"The example input has a batch of {tensor.shape[0]} (a tensor of shape {tuple(tensor.shape)}); "
                "costs are counted for 1 sample, so every tensor's first dimension must be 1."
            )


def on_device(example: Example, device: torch.device | str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """`arguments_of`, every tensor on a device."""
    moved: tuple[tuple[Any, ...], dict[str, Any]] = tree_map_only(Tensor, lambda t: t.to(device), arguments_of(example))
    return moved
