"""The record of how a model is built at another width."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from sparseift.layers import Rule


@dataclass(frozen=True, slots=True)
class Widener:
    """How a model is built at another width.

    Attributes:
        build: from a width to a model with fresh weights; `build(width)` is the dense one.
        width: of the dense model.
        multiple: widths must be multiples of it (attention heads, groups).
        rules: roles that the architecture asks for, after the caller's own.
    """

    build: Callable[[int], nn.Module]
    width: int
    multiple: int = 1
    rules: tuple[Rule, ...] = ()
