"""What to drop and where to grow: a method is a pair of scores, and RigL is SET with another one."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# (weight, dense gradient, generator) -> a score per weight; drop takes the lowest, growth the highest.
Score = Callable[[Tensor, Tensor, torch.Generator], Tensor]


def magnitude(weight: Tensor, _gradient: Tensor, _generator: torch.Generator) -> Tensor:
    """|w|."""
    return weight.abs()


def gradient_magnitude(_weight: Tensor, gradient: Tensor, _generator: torch.Generator) -> Tensor:
    """|∂L/∂w| of the dense gradient (Evci et al. 2020, RigL)."""
    return gradient.abs()


def random(weight: Tensor, _gradient: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform, so that every inactive weight is as likely as any other (Mocanu et al. 2018, SET)."""
    return torch.rand(weight.shape, generator=generator, device=weight.device)


@dataclass(frozen=True, slots=True)
class Method:
    """A dynamic mask method."""

    drop: Score
    grow: Score


DYNAMIC_METHODS = {
    "set": Method(magnitude, random),
    "rigl": Method(magnitude, gradient_magnitude),
}
