"""The planner's errors across the process border: typed, as JSON; nothing is unpickled."""

from typing import Any

from sparseift.errors import DataError, Infeasible, InvalidValue, NothingToTransform, SparseIFTError, UnknownName

SIMPLE: dict[str, type[SparseIFTError]] = {
    "InvalidValue": InvalidValue,
    "NothingToTransform": NothingToTransform,
    "DataError": DataError,
}


def encode(error: SparseIFTError) -> dict[str, Any]:
    """JSON from which `decode` makes an equal error; a subclass we do not know travels as its nearest known base."""
    if isinstance(error, UnknownName):
        return {"type": "UnknownName", "kind": error.kind, "name": error.name, "known": list(error.known)}
    if isinstance(error, Infeasible):
        return {"type": "Infeasible", "message": str(error), "nearest": list(error.nearest)}
    known = next((c.__name__ for c in type(error).__mro__ if c.__name__ in SIMPLE), "internal")
    return {"type": known, "message": str(error)}


def decode(value: dict[str, Any]) -> SparseIFTError | None:
    """The inverse of `encode`; None for what is a defect and no error of the tree."""
    if value["type"] == "UnknownName":
        return UnknownName(value["kind"], value["name"], value["known"])
    if value["type"] == "Infeasible":
        return Infeasible(value["message"], value["nearest"])
    kind = SIMPLE.get(value["type"])
    return kind(value["message"]) if kind else None
