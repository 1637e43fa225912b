import pytest
import torch
from torch import nn

from sparseift.masks.metrics import churn, itop, layer_table, spectral_gap
from sparseift.masks.state import attach_masks


def test_a_table_by_hand() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Conv2d(2, 2, 2))
    attach_masks(model, {"0.weight": 3, "1.weight": 4}, seed=0, targets={"0.weight": 2, "1.weight": 4})
    model[0].weight_mask.copy_(torch.tensor([[1, 1, 0], [0, 1, 0]]))
    model[1].weight_mask.zero_()
    model[1].weight_mask[1, 0] = 1  # all four kernel positions from channel 0 to channel 1
    linear, convolution = layer_table(model, with_spectral_gap=True)
    assert (linear.name, linear.shape, linear.active, linear.target, linear.density) == ("0.weight", (2, 3), 3, 2, 0.5)
    assert (linear.dead_outputs, linear.dead_inputs) == (0, 1)
    assert (convolution.active, convolution.size, convolution.target) == (4, 16, 4)
    assert (convolution.dead_outputs, convolution.dead_inputs) == (1, 1)
    # [[1, 1], [0, 1]] normalised: σ² are the roots of x² − 1.25 x + .25, so 1 and 1/4.
    assert linear.spectral_gap == pytest.approx(0.5)
    assert convolution.spectral_gap == pytest.approx(1.0)
    assert layer_table(model)[0].spectral_gap is None


def test_spectral_gaps_by_hand() -> None:
    assert spectral_gap(torch.ones(4, 6)) == pytest.approx(1.0)  # complete: rank one
    assert spectral_gap(torch.eye(3)) == pytest.approx(0.0)  # three pieces
    assert spectral_gap(torch.zeros(2, 2)) == 0.0


def test_churn_and_exploration_by_hand() -> None:
    before, after = {"a": torch.tensor([1, 1, 0, 0])}, {"a": torch.tensor([1, 0, 1, 0])}
    assert churn(before, after) == 0.5
    assert churn(before, before) == 0.0
    assert churn({}, {}) == 0.0
    assert itop({"a": before["a"] | after["a"]}) == 0.75
    assert itop({}) == 1.0
