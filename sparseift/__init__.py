"""Sparse Iso-FLOP Transformations: sparse layers at exactly the FLOPs of your dense model.

The public names are imported on first use, so that importing the package (as the service does) imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparseift.acceleration.selection import accelerate
    from sparseift.baselines import dense_ladder, dense_low_rank, plain_sparse, static_erk
    from sparseift.building import build_sparse
    from sparseift.costs import cost_table
    from sparseift.export.card import Card, card_of
    from sparseift.export.file import load, read_card, save
    from sparseift.export.layouts import to_layout
    from sparseift.export.onnx import to_onnx
    from sparseift.flop_counter import FlopCounter
    from sparseift.flops import FlopCount, count
    from sparseift.masks.initial import grasp, magnitude, snip
    from sparseift.masks.schedules import MaskSchedule, Ramp
    from sparseift.masks.state import masks_of, project_masks
    from sparseift.masks.trainer import MaskTrainer
    from sparseift.memory import training_memory
    from sparseift.plain import remove_masks, squash
    from sparseift.records import Configuration, JobSpec, Point
    from sparseift.transformation import plan_transform, roles_of, transform
    from sparseift.widener import Widener
    from sparseift.widening import plan_widen, widen

_HOMES = {
    "Card": "sparseift.export.card",
    "Configuration": "sparseift.records",
    "FlopCount": "sparseift.flops",
    "FlopCounter": "sparseift.flop_counter",
    "JobSpec": "sparseift.records",
    "MaskSchedule": "sparseift.masks.schedules",
    "MaskTrainer": "sparseift.masks.trainer",
    "Point": "sparseift.records",
    "Ramp": "sparseift.masks.schedules",
    "Widener": "sparseift.widener",
    "accelerate": "sparseift.acceleration.selection",
    "build_sparse": "sparseift.building",
    "card_of": "sparseift.export.card",
    "cost_table": "sparseift.costs",
    "count": "sparseift.flops",
    "dense_ladder": "sparseift.baselines",
    "dense_low_rank": "sparseift.baselines",
    "grasp": "sparseift.masks.initial",
    "load": "sparseift.export.file",
    "magnitude": "sparseift.masks.initial",
    "masks_of": "sparseift.masks.state",
    "plain_sparse": "sparseift.baselines",
    "plan_transform": "sparseift.transformation",
    "plan_widen": "sparseift.widening",
    "project_masks": "sparseift.masks.state",
    "read_card": "sparseift.export.file",
    "remove_masks": "sparseift.plain",
    "roles_of": "sparseift.transformation",
    "save": "sparseift.export.file",
    "snip": "sparseift.masks.initial",
    "squash": "sparseift.plain",
    "static_erk": "sparseift.baselines",
    "to_layout": "sparseift.export.layouts",
    "to_onnx": "sparseift.export.onnx",
    "training_memory": "sparseift.memory",
    "transform": "sparseift.transformation",
    "widen": "sparseift.widening",
}

__all__ = [
    "Card",
    "Configuration",
    "FlopCount",
    "FlopCounter",
    "JobSpec",
    "MaskSchedule",
    "MaskTrainer",
    "Point",
    "Ramp",
    "Widener",
    "accelerate",
    "build_sparse",
    "card_of",
    "cost_table",
    "count",
    "dense_ladder",
    "dense_low_rank",
    "grasp",
    "load",
    "magnitude",
    "masks_of",
    "plain_sparse",
    "plan_transform",
    "plan_widen",
    "project_masks",
    "read_card",
    "remove_masks",
    "roles_of",
    "save",
    "snip",
    "squash",
    "static_erk",
    "to_layout",
    "to_onnx",
    "training_memory",
    "transform",
    "widen",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sparseift' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
