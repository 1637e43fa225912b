"""Measured time, module by module."""

import pytest
import torch
from torch import nn

from sparseift.errors import InvalidValue
from sparseift.timing import time_forward

X = torch.zeros(1, 5, 8)


def test_a_module_inside_a_timed_module_is_not_timed_twice() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8)))
    times = time_forward(model, X, ["0", "0.1"], repeats=5)
    assert set(times.by_module) == {"", "0", "0.1"}
    assert min(times.by_module.values()) > 0
    assert times.by_module["0"] + times.by_module["0.1"] < times.total * 1.5


def test_a_module_that_is_called_twice_takes_both_times() -> None:
    layer = nn.Linear(8, 8)
    times = time_forward(nn.Sequential(layer, nn.ReLU(), layer), X, ["0"], repeats=3)
    assert 0 < times.by_module["0"] < times.total


def test_a_model_without_values_cannot_be_timed() -> None:
    with pytest.raises(InvalidValue, match="meta device"):
        time_forward(nn.Linear(8, 2, device="meta"), X, [""], repeats=1)
