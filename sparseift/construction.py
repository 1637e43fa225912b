"""Models made from builders: with fresh weights from a seed, or without any."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's global random states set to `seed`, on the CPU and on GPUs in use; they are put back afterwards."""
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def fresh(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A module built with torch's global random state set to `seed`, which is put back afterwards."""
    with seeded(seed):
        return make()


def linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A linear layer with copies of a weight (out, in) and a bias, trainable where they are; draws nothing at random.

    Args:
        weight, bias: parameters, or parts of one that keep its `requires_grad`.
    """
    layer: nn.Linear = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Linear, weight.shape[1], weight.shape[0], bias=bias is not None, device=weight.device, dtype=weight.dtype
    )
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)
            layer.bias.requires_grad_(bias.requires_grad)
    layer.weight.requires_grad_(weight.requires_grad)
    return layer


def skeleton(make: Callable[[], nn.Module]) -> nn.Module:
    """A module on the meta device; with weights where its builder reads values, and so does not run there."""
    try:
        with torch.device("meta"):
            return make()
    except Exception:
        return fresh(make, seed=0)
