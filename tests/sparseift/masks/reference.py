"""An independent, slow and obvious sparse trainer: gradients, parameters and optimizer state masked at every step."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class ReferenceTrainer:
    """Masks everything, sorts everything, shares no code with `sparseift.masks`."""

    def __init__(self, weights: dict[str, nn.Parameter], masks: dict[str, Tensor], optimizer: torch.optim.Optimizer):
        self.weights, self.masks, self.optimizer = weights, {n: m.clone().bool() for n, m in masks.items()}, optimizer

    def step(self, drop_fraction: float | None, grow_score: Callable[[Tensor], Tensor] | None) -> None:
        dense = {n: w.grad.clone() for n, w in self.weights.items()}
        for n, w in self.weights.items():
            w.grad.mul_(self.masks[n])
        self.optimizer.step()
        self._mask_all()
        if drop_fraction is not None:
            for n, w in self.weights.items():
                self._update(n, w, grow_score(dense[n]), drop_fraction)
            self._mask_all()

    def _mask_all(self) -> None:
        with torch.no_grad():
            for n, w in self.weights.items():
                w.mul_(self.masks[n])
                for value in self.optimizer.state[w].values():
                    if isinstance(value, Tensor) and value.shape == w.shape:
                        value.mul_(self.masks[n])

    def _update(self, name: str, weight: Tensor, score: Tensor, fraction: float) -> None:
        old = self.masks[name].flatten()
        count = int(fraction * int(old.sum()))
        magnitude = weight.detach().abs().flatten().clone()
        magnitude[~old] = float("inf")
        kept = old.clone()
        kept[magnitude.argsort()[:count]] = False
        score = score.flatten().clone()
        score[kept] = -float("inf")
        new = kept.clone()
        new[score.argsort(descending=True)[:count]] = True
        self.masks[name] = new.view_as(self.masks[name])
