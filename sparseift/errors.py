"""The error tree. Every message is one sentence with the offending value and the legal ones.

SparseIFTError
├── UnknownName        a name that no catalog holds            (also a LookupError)
├── InvalidValue       an argument outside its range           (also a ValueError)
│   └── NothingToTransform   a model without a single layer to transform
├── Infeasible         no sizes meet the FLOP budget; `nearest` holds the nearest feasible sparsities
├── DataError          data that is missing, corrupt or half downloaded
├── CheckpointError    a checkpoint that cannot be read or belongs to another trial
└── Diverged           a loss or gradient that is no longer finite
"""

from collections.abc import Iterable


class SparseIFTError(Exception):
    """Whatever this project raises on purpose."""


class UnknownName(SparseIFTError, LookupError):
    """A name that no catalog holds.

    Args:
        kind: what was looked up, in the singular ("model").
        name: what was asked for.
        known: the legal names, listed in the message.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        super().__init__(f"There is no {kind} '{name}'; the known ones are {', '.join(self.known) or 'none'}.")


class InvalidValue(SparseIFTError, ValueError):
    """An argument outside its range."""


class NothingToTransform(InvalidValue):
    """A model without a single layer that could be transformed."""


class Infeasible(SparseIFTError):
    """No integer sizes meet the FLOP budget at the sparsity asked for.

    Attributes:
        nearest: the nearest feasible sparsities (fractions), possibly none.
    """

    def __init__(self, message: str, nearest: Iterable[float] = ()) -> None:
        self.nearest = tuple(nearest)
        super().__init__(message)


class DataError(SparseIFTError):
    """Data that is missing, corrupt or half downloaded."""


class CheckpointError(SparseIFTError):
    """A checkpoint that cannot be read or belongs to another trial."""


class Diverged(SparseIFTError):
    """A loss or gradient that is no longer finite."""
