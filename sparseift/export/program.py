"""A sparse model as a `torch.export` program: masks folded into the weights, blocks into layers where they are one."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from sparseift.errors import InvalidValue
from sparseift.example import Example, arguments_of
from sparseift.export.copies import copy_of
from sparseift.plain import squash


def to_program(
    model: nn.Module, example_input: Example, *, dynamic_batch: bool = False
) -> torch.export.ExportedProgram:
    """A copy of the model in evaluation mode, squashed and exported.

    Args:
        example_input: as the model is called; its values do not matter.
        dynamic_batch: whether the first dimension of every tensor argument is the batch, of any size.

    Raises:
        InvalidValue: torch.export cannot trace the model; the message says why.
    """
    plain = squash(copy_of(model)).eval()
    args, kwargs = arguments_of(example_input)
    shapes = None
    if dynamic_batch:
        # A batch of one would be taken for a constant.
        args, kwargs = tree_map(_two_samples, (args, kwargs))
        batch = torch.export.Dim("batch")
        marked = tree_map(lambda leaf: {0: batch} if isinstance(leaf, Tensor) and leaf.ndim else None, (args, kwargs))
        shapes = marked[1] if kwargs else marked[0]
    try:
        with torch.no_grad(), quiet():
            return torch.export.export(plain, args, kwargs, dynamic_shapes=shapes)
    except Exception as error:  # whatever a user's forward raises while it is traced
        raise InvalidValue(f"{type(model).__name__} cannot be exported: {error}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without warnings of what torch's exporters themselves use, of which a caller can change nothing."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, message=".*treespec.*")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        yield


def _two_samples(leaf: Any) -> Any:
    """A batch of one twice; everything else as it is."""
    is_one = isinstance(leaf, Tensor) and leaf.ndim and leaf.shape[0] == 1
    return torch.cat([leaf, leaf]) if is_one else leaf
