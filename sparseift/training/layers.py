"""What a run's weights are, layer by layer: a small table beside its log, for whoever looks at the trial afterwards."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sparseift.flops import FlopCount
from sparseift.masks.state import masks_of

FILE = "layers.json"
FORMAT = 1


def table(model: nn.Module, counted: FlopCount) -> list[dict[str, Any]]:
    """A row per weight that the forward multiplies with, in order of use.

    A row has `name`, `shape`, `weights` (how many), `active` (not masked), and FLOPs of one sample's forward: `flops`
    of the active weights, `executed_flops` of all, as masked kernels spend them. `masked` tells whether a mask covers
    it. Of weights that are not all used equally often the mask's savings cannot be told: both are then the same.

    Args:
        counted: of this model.
    """
    masks, shapes = masks_of(model), {name: list(p.shape) for name, p in model.named_parameters()}
    active = {name: int(torch.count_nonzero(mask)) for name, mask in masks.items()}
    rows = []
    for name, weight in counted.weights.items():
        on = active.get(name, weight.numel)
        rows.append(_row(name, list(weight.shape), weight.numel, on, weight.flops(on), weight.flops(weight.numel)))
    for name, flops in counted.uneven.items():
        shape = shapes.get(name, [])
        size = torch.Size(shape).numel()
        rows.append(_row(name, shape, size, active.get(name, size), flops, flops))
    return [row | {"masked": row["name"] in masks} for row in rows]


def _row(name: str, shape: list[int], weights: int, active: int, flops: int, executed: int) -> dict[str, Any]:
    return {
        "name": name, "shape": shape, "weights": weights, "active": active, "flops": flops, "executed_flops": executed,
    }  # fmt: skip


def write(folder: Path | None, step: int, rows: list[dict[str, Any]]) -> None:
    """Puts the table into a folder, whole or not at all; one that cannot be written is not worth a training.

    Args:
        folder: of the run; None keeps nothing.
        step: optimizer steps done when it was made.
    """
    if folder is None:
        return
    beside = folder / f".{FILE}.{os.getpid()}"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps({"format": FORMAT, "step": step, "layers": rows}))
        beside.replace(folder / FILE)
