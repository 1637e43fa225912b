"""The table of a run's layers: by hand on a small model, and as a run leaves it."""

import json
from pathlib import Path

import torch
from torch import nn

from sparseift.flops import count, nonzero_flops
from sparseift.masks.state import attach_masks, masks_of
from sparseift.training import layers


class Net(nn.Module):
    """3 -> 7 (masked) -> 2."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(3, 7), nn.Linear(7, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.outer(torch.relu(self.inner(x)))  # type: ignore[no-any-return]


def test_a_small_model_by_hand(tmp_path: Path) -> None:
    model = Net()
    attach_masks(model, {"inner.weight": 5}, seed=0)
    counted = count(model, torch.zeros(1, 3))
    rows = layers.table(model, counted)
    assert rows == [
        {"name": "inner.weight", "shape": [7, 3], "weights": 21, "active": 5, "flops": 10, "executed_flops": 42,
         "masked": True},
        {"name": "outer.weight", "shape": [2, 7], "weights": 14, "active": 14, "flops": 28, "executed_flops": 28,
         "masked": False},
    ]  # fmt: skip
    assert sum(row["flops"] for row in rows) == nonzero_flops(counted, masks_of(model))
    layers.write(tmp_path / "new", 40, rows)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["layers.json"]
    assert json.loads((tmp_path / "new" / "layers.json").read_text()) == {"format": 1, "step": 40, "layers": rows}


def test_a_folder_that_cannot_be_written_ends_no_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    layers.write(tmp_path / "file", 0, [])
    layers.write(None, 0, [])
