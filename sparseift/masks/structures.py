"""Structures: which masks are legal. A structure parts a weight into pools of units; units switch on and off as one.

A unit is one or more elements; every pool holds a set number of active units. So one rule, "the best units of each
pool", serves every method under every structure. No torch here: services validate names, the solver needs counts.

Matrix view of a weight: (D_out, D_in · K), K = kernel positions; stored so by `nn.Linear` and convolutions, and as
(D_in, D_out) by Hugging Face's Conv1D ("transposed").
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from sparseift.errors import InvalidValue, UnknownName

# The legal forms; capitals stand for integers.
STRUCTURES = ("unstructured", "N:M", "block:B", "constant_fan_in", "channel", "head_balanced:H")


@dataclass(frozen=True, slots=True)
class Layout:
    """How one weight falls into pools and units, and which numbers of active elements it can have.

    Attributes:
        pools, units, elements: pools of the weight, units of a pool, elements of a unit; their product is its size.
        capacity: active units that a pool may have.
        quantum: elements by which the weight's count can change; every count is a multiple of it.
        transposed: the weight is stored as (D_in, D_out).
        split, order: (D_out, …) reshaped to `split` and permuted to `order` is (pools…, units…, elements…).
    """

    pools: int
    units: int
    elements: int
    capacity: int
    quantum: int
    transposed: bool
    split: tuple[int, ...]
    order: tuple[int, ...]

    @property
    def max_count(self) -> int:
        """The most elements that may be active."""
        return self.pools * self.capacity * self.elements

    @property
    def is_flat(self) -> bool:
        """Whether there is nothing to lay out: one pool of single elements."""
        return self.pools == 1 and self.elements == 1

    def snap(self, count: float) -> int:
        """The nearest legal number of active elements, at least one quantum."""
        return max(self.quantum, min(self.max_count, self.quantum * round(count / self.quantum)))

    def check_count(self, name: str, count: int) -> None:
        """Refuse a number of active elements that the structure cannot have.

        Raises:
            InvalidValue: with the legal numbers.
        """
        if count % self.quantum or not 0 <= count <= self.max_count:
            raise InvalidValue(
                f"'{name}' cannot have {count} active weights; under its structure they are multiples of "
                f"{self.quantum} from 0 to {self.max_count}."
            )


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure by its name, parsed.

    - "unstructured": every element on its own.
    - "N:M" ("2:4"): at most N of M consecutive inputs of an output at one kernel position; density is at most N / M.
    - "block:B": B × B blocks of the matrix view, on or off as one.
    - "constant_fan_in": every output has as many active inputs as any other (Lasby et al. 2024, SRigL).
    - "channel": outputs on or off as one.
    - "head_balanced:H": H equal groups of consecutive outputs (attention heads) with equal counts.

    Attributes:
        name: as written. kind: the legal form. n: N of "N:M". size: M, B or H.
    """

    name: str
    kind: str
    n: int = 0
    size: int = 1

    def layout(self, shape: tuple[int, ...], transposed: bool = False) -> Layout:
        """How a weight of that shape, as it is stored, falls into pools and units.

        Raises:
            InvalidValue: its dimensions cannot be parted so.
        """
        matrix = (shape[1], shape[0], *shape[2:]) if transposed else shape
        rows, inputs, taps = matrix[0], math.prod(matrix[1:2]), math.prod(matrix[2:])
        columns, numel = inputs * taps, math.prod(shape)
        if self.kind == "N:M":
            self._divides("inputs", inputs, self.size)
            groups = inputs // self.size
            split, order = (rows, groups, self.size, taps), (0, 1, 3, 2)
            return Layout(rows * groups * taps, self.size, 1, self.n, 1, transposed, split, order)
        if self.kind == "block:B":
            b = self.size
            self._divides("outputs", rows, b)
            self._divides("columns of the matrix view (inputs x kernel positions)", columns, b)
            split, order = (rows // b, b, columns // b, b), (0, 2, 1, 3)
            return Layout(1, numel // (b * b), b * b, numel // (b * b), b * b, transposed, split, order)
        if self.kind == "constant_fan_in":
            return Layout(rows, columns, 1, columns, rows, transposed, (rows, columns), (0, 1))
        if self.kind == "channel":
            return Layout(1, rows, columns, rows, columns, transposed, (rows, columns), (0, 1))
        if self.kind == "head_balanced:H":
            self._divides("outputs", rows, self.size)
            each = numel // self.size
            return Layout(self.size, each, 1, each, self.size, transposed, (rows, columns), (0, 1))
        return Layout(1, numel, 1, numel, 1, False, (numel,), (0,))  # in the order in which it is stored

    def _divides(self, what: str, number: int, by: int) -> None:
        if number % by:
            raise InvalidValue(f"'{self.name}' needs {what} in multiples of {by}; here are {number}.")


def parse(name: str) -> Structure:
    """The structure of that name.

    Raises:
        UnknownName: no such form. InvalidValue: numbers that make no sense.
    """
    if name in ("unstructured", "constant_fan_in", "channel"):
        return Structure(name, name)
    if found := re.fullmatch(r"(\d+):(\d+)", name):
        n, m = int(found[1]), int(found[2])
        if not 1 <= n < m:
            raise InvalidValue(f"The structure '{name}' must keep fewer than M of M, and at least 1: 1 <= N < M.")
        return Structure(name, "N:M", n, m)
    for form in ("block:B", "head_balanced:H"):
        if found := re.fullmatch(form[:-1] + r"(\d+)", name):
            if int(found[1]) < 1:
                raise InvalidValue(f"The structure '{name}' needs a size of at least 1.")
            return Structure(name, form, size=int(found[1]))
    raise UnknownName("structure", name, STRUCTURES)


class Stored(Protocol):
    """What a layout depends on; `sparseift.ledger.Weight` has it."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def transposed(self) -> bool: ...


def start_counts(weights: Iterable[Stored], structure: str, density: float) -> dict[str, int]:
    """Weight name -> active weights at one density for all, as near as the structure allows: where a ramp starts.

    Raises:
        InvalidValue: a density outside (0, 1], or a weight that the structure cannot part. UnknownName.
    """
    if not 0.0 < density <= 1.0:
        raise InvalidValue(f"A start density of {density} was asked for; it must lie in (0, 1].")
    parsed = parse(structure)
    return {w.name: parsed.layout(w.shape, w.transposed).snap(density * math.prod(w.shape)) for w in weights}
