"""What sizing computes, and how often."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from sparseift.masks.initial import magnitude
from sparseift.masks.state import masks_of
from sparseift.transformation import transform


@pytest.mark.parametrize("distribution", ["global", "lamp", "uniform"])
def test_scores_are_computed_once_and_choose_the_masks(distribution: str) -> None:
    calls: list[dict[str, Tensor]] = []

    def score(model: nn.Module, names: Sequence[str]) -> dict[str, Tensor]:
        calls.append(magnitude()(model, names))
        return calls[-1]

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    transform(model, "sparse_parallel", 0.5, torch.zeros(1, 8), distribution=distribution, initial=score)
    assert len(calls) == 1
    for name, mask in masks_of(model).items():
        scores = calls[0][name]
        assert scores[mask == 1].min() >= scores[mask == 0].max()
