"""Models made from builders: with fresh weights from a seed, or without any."""

from collections.abc import Callable

import torch
from torch import nn


def fresh(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A module built with torch's global random state set to `seed`, which is put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def skeleton(make: Callable[[], nn.Module]) -> nn.Module:
    """A module on the meta device; with weights where its builder reads values, and so does not run there."""
    try:
        with torch.device("meta"):
            return make()
    except Exception:
        return fresh(make, seed=0)
