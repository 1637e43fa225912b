"""What to drop and where to grow: a method is a pair of scores and what growth looks at; RigL is SET with others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

# What growth is told of the inactive weights: the dense gradient of the step (or a sum over several), or the
# optimizer's momentum of it. Methods that grow blindly are shown the gradient too, because only what trains may move.
Signal = Literal["gradient", "momentum"]

# (weight, signal, generator) -> a score per weight, ≥ 0; drop takes the lowest, growth the highest.
Score = Callable[[Tensor, Tensor, torch.Generator], Tensor]


def magnitude(weight: Tensor, _signal: Tensor, _generator: torch.Generator) -> Tensor:
    """|w|."""
    return weight.abs()


def signal_magnitude(_weight: Tensor, signal: Tensor, _generator: torch.Generator) -> Tensor:
    """|∂L/∂w| of the dense gradient (Evci et al. 2020, RigL), or |momentum| (Dettmers & Zettlemoyer 2019, SNFS)."""
    return signal.abs()


def random(weight: Tensor, _signal: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform, so that every inactive weight is as likely as any other (Mocanu et al. 2018, SET). Drawn on the CPU."""
    return torch.rand(weight.shape, generator=generator).to(weight.device)


@dataclass(frozen=True, slots=True)
class Method:
    """A dynamic mask method."""

    drop: Score
    grow: Score
    signal: Signal = "gradient"


DYNAMIC_METHODS = {
    "set": Method(magnitude, random),
    "rigl": Method(magnitude, signal_magnitude),
    "snfs": Method(magnitude, signal_magnitude, signal="momentum"),
    "granet": Method(magnitude, signal_magnitude),
    "gmp": Method(magnitude, signal_magnitude),  # its schedule drops nothing that would have to be grown again
}
