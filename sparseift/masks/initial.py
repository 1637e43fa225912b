"""Scores that choose the first active weights: at a model's initialisation, before any training.

Each is a callable (model, parameter names) -> scores, signed, the highest worth keeping. A model's gradients, buffers
and modes are left as they were; dropout draws from torch's global random state.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

InitialScore = Callable[[nn.Module, Sequence[str]], dict[str, Tensor]]
Loss = Callable[[nn.Module], Tensor]  # of one batch, a scalar


def magnitude() -> InitialScore:
    """|w|."""

    def score(model: nn.Module, names: Sequence[str]) -> dict[str, Tensor]:
        return {name: model.get_parameter(name).detach().abs() for name in names}

    return score


def snip(loss: Loss) -> InitialScore:
    """|w · ∂L/∂w|: how much the loss would change if the weight were gone (Lee et al. 2019, SNIP, eq. 5–6).

    Args:
        loss: from the model to the loss of one batch.
    """

    def score(model: nn.Module, names: Sequence[str]) -> dict[str, Tensor]:
        with _differentiable(model, names) as weights:
            gradients = _gradients(loss(model), weights)
        return {n: (w.detach() * g).abs() for n, w, g in zip(names, weights, gradients, strict=True)}

    return score


def grasp(loss: Loss) -> InitialScore:
    """θ ⊙ Hg: how much of the gradient flow ‖g‖² would go if the weight did, up to a factor of 2.

    Wang et al. 2020 (GraSP) score the removal, S(−θ) = −θ ⊙ Hg (their eq. 8), and remove where it is highest: there
    the gradient flow grows most. So the highest θ ⊙ Hg are kept.

    Args:
        loss: from the model to the loss of one batch; it is differentiated twice.
    """

    def score(model: nn.Module, names: Sequence[str]) -> dict[str, Tensor]:
        with _differentiable(model, names) as weights:
            gradients = _gradients(loss(model), weights, create_graph=True)
            products = _gradients(_sum((g * g.detach()).sum() for g in gradients), weights)
        return {n: w.detach() * h for n, w, h in zip(names, weights, products, strict=True)}

    return score


def _sum(terms: Iterable[Tensor]) -> Tensor:
    """Of scalars."""
    return torch.stack(list(terms)).sum()


def _gradients(value: Tensor, weights: list[nn.Parameter], create_graph: bool = False) -> list[Tensor]:
    """Of a scalar by the weights; zeros where it does not depend on one."""
    zeros = [torch.zeros_like(w) for w in weights]
    if not value.requires_grad:
        return zeros
    found = torch.autograd.grad(value, weights, create_graph=create_graph, allow_unused=True)
    return [z if g is None else g for g, z in zip(found, zeros, strict=True)]


@contextmanager
def _differentiable(model: nn.Module, names: Sequence[str]) -> Iterator[list[nn.Parameter]]:
    """The named weights, frozen ones too, ready to be differentiated by twice; the model is put back afterwards."""
    weights = [model.get_parameter(name) for name in names]
    required = [w.requires_grad for w in weights]
    buffers = [(b, b.detach().clone()) for b in model.buffers()]
    try:
        for weight in weights:
            weight.requires_grad_(True)
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # the fused kernels have no second derivative
            yield weights
    finally:
        for weight, before in zip(weights, required, strict=True):
            weight.requires_grad_(before)
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)  # batch norm's running statistics
