"""Sparse Iso-FLOP Transformations: sparse layers at exactly the FLOPs of your dense model.

The public names are imported on first use, so that importing the package (as the service does) imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparseift.building import build_sparse
    from sparseift.flops import FlopCount, count
    from sparseift.masks.schedules import MaskSchedule
    from sparseift.masks.trainer import MaskTrainer
    from sparseift.records import Configuration, JobSpec, Point
    from sparseift.transformation import transform
    from sparseift.widening import widen

_HOMES = {
    "Configuration": "sparseift.records",
    "FlopCount": "sparseift.flops",
    "JobSpec": "sparseift.records",
    "MaskSchedule": "sparseift.masks.schedules",
    "MaskTrainer": "sparseift.masks.trainer",
    "Point": "sparseift.records",
    "build_sparse": "sparseift.building",
    "count": "sparseift.flops",
    "transform": "sparseift.transformation",
    "widen": "sparseift.widening",
}

__all__ = [
    "Configuration",
    "FlopCount",
    "JobSpec",
    "MaskSchedule",
    "MaskTrainer",
    "Point",
    "build_sparse",
    "count",
    "transform",
    "widen",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sparseift' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
