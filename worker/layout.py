"""The axes of a family as a table of indices, so that many configurations can be looked at as arrays.

A row holds one index per axis, −1 where the configuration's method does not ask for the axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sparseift.records import Configuration, Plan, Space
from worker.space import Axis, walk

ABSENT = -1
AWAY = 0.5**0.5  # of a one-hot column: two categories are 1 apart, an axis's full range

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layout:
    """One family's axes, the sparsity's first among them unless the family has one sparsity only.

    Attributes:
        asked: for each method, which of the axes it asks for, (methods, axes).
        method: which axis is the method's; None where the space has one method.
        levels: of each index of the sparsity axis, its rank in [0, 1] among all sparsities of the plan.
    """

    family: str
    axes: tuple[Axis, ...]
    asked: NDArray[np.bool_]
    method: int | None
    levels: Floats

    @property
    def sizes(self) -> Integers:
        """How many values each axis has, (axes,)."""
        return np.array([len(axis.values) for axis in self.axes], dtype=np.int64)


@lru_cache(maxsize=32)  # each proposal asks for every family's several times
def layout_of(space: Space, plan: Plan, family: str) -> Layout:
    """The family's axes, found by walking the space once for each method."""
    walks: list[list[Axis]] = []
    for method in range(len(space.methods)):
        walked: list[Axis] = []

        def pick(axis: Axis, method: int = method, walked: list[Axis] = walked) -> int:
            walked.append(axis)
            return method if axis.name == "method" else 0

        walk(space, plan, family, pick)
        walks.append(walked)
    axes = tuple(dict.fromkeys(axis for walked in walks for axis in walked))
    asked = np.array([[axis in walked for axis in axes] for walked in walks], dtype=np.bool_)
    method_axis = next((i for i, axis in enumerate(axes) if axis.name == "method"), None)
    every = sorted({round(p.nominal_sparsity, 6) for p in plan.points if p.feasible})
    ranks = [every.index(round(p.nominal_sparsity, 6)) / max(1, len(every) - 1) for p in plan.grid(family)]
    return Layout(family, axes, asked.reshape(len(walks), len(axes)), method_axis, np.array(ranks))


def rows_of(layout: Layout, configurations: Sequence[Configuration]) -> Integers:
    """The configurations of the layout's family as rows, (configurations, axes); values off the grid go to the
    nearest."""
    tables = [{value: i for i, value in enumerate(axis.values)} for axis in layout.axes]
    rows = np.full((len(configurations), len(layout.axes)), ABSENT, dtype=np.int64)
    for row, configuration in zip(rows, configurations, strict=True):
        schedule = configuration.schedule
        for i, axis in enumerate(layout.axes):
            is_sparsity = axis.name.startswith("sparsity:")
            value = configuration.nominal_sparsity if is_sparsity else getattr(schedule, axis.name)
            index = tables[i].get(value)
            row[i] = axis.nearest(value) if index is None else index
    return without_unasked(layout, rows)


def without_unasked(layout: Layout, rows: Integers) -> Integers:
    """The rows with −1 wherever their method does not ask for an axis."""
    methods = rows[:, layout.method] if layout.method is not None else np.zeros(len(rows), dtype=np.int64)
    return np.where(layout.asked[methods], rows, ABSENT)


def drawn(layout: Layout, count: int, dice: np.random.Generator) -> Integers:
    """Random rows, every axis uniform."""
    return without_unasked(layout, dice.integers(layout.sizes, size=(count, len(layout.axes))))


def neighbours(layout: Layout, row: Integers, dice: np.random.Generator) -> Integers:
    """Every row that differs on one axis by one or two steps, or by its category; new axes get random values."""
    found: list[Integers] = []
    for i, axis in enumerate(layout.axes):
        if row[i] == ABSENT:
            continue
        steps = range(row[i] - 2, row[i] + 3) if axis.ordered else range(len(axis.values))
        for index in steps:
            if index != row[i] and 0 <= index < len(axis.values):
                changed = np.where(row == ABSENT, dice.integers(layout.sizes), row)
                changed[i] = index
                found.append(changed)
    return without_unasked(layout, np.array(found, dtype=np.int64).reshape(len(found), len(row)))


def coordinates(layout: Layout, rows: Integers) -> Floats:
    """The rows in [0, 1], (rows, columns): ordered axes by index, others one-hot, absent ones in the middle.

    The columns of every family of a job agree: those of the sparsity first, then the schedule's axes in order.
    """
    axes = list(enumerate(layout.axes))
    first = axes[0] if axes and axes[0][1].name.startswith("sparsity:") else None
    columns = [layout.levels[rows[:, 0]] if first else np.full(len(rows), layout.levels[0])]
    for i, axis in axes[1:] if first else axes:
        at = rows[:, i]
        if axis.ordered:
            columns.append(np.where(at == ABSENT, 0.5, at / (len(axis.values) - 1)))
        else:
            columns += [AWAY * (at == j) for j in range(len(axis.values))]
    return np.stack(columns, axis=1)


def configuration_of(space: Space, plan: Plan, layout: Layout, row: Integers) -> Configuration:
    """The configuration that a row stands for."""
    index = {axis.name: int(i) for axis, i in zip(layout.axes, row, strict=True)}
    return walk(space, plan, layout.family, lambda axis: index[axis.name])
