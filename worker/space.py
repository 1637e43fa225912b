"""The space of a search as axes of indices, walked in one order to propose a configuration or to read one back.

Every axis is a finite grid, so that configurations can repeat (a repeat becomes another seed) and a rebuilt study
holds exactly what was proposed. Axes with one value are not asked for; schedule axes exist only where masks change.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Configuration, Plan, Space, digest

FRACTION_STEP = 0.05  # of α₀ and T_end
OCTAVE_STEPS = 2  # grid points of ΔT per doubling


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter: its name in the study, its legal values, and whether their order means anything."""

    name: str
    values: tuple[Any, ...]
    ordered: bool

    def nearest(self, value: Any) -> int:
        """The index of a value, or of the ordered value closest to it."""
        if not self.ordered:
            return self.values.index(value)
        return min(range(len(self.values)), key=lambda i: abs(self.values[i] - value))


def fractions(low: float, high: float) -> tuple[float, ...]:
    """low, low + .05, … up to high."""
    count = math.floor((high - low) / FRACTION_STEP + 1e-9) + 1
    return tuple(round(low + i * FRACTION_STEP, 6) for i in range(count))


def octaves(low: int, high: int) -> tuple[int, ...]:
    """low, low · √2, low · 2, … up to high, rounded to integers: a logarithmic axis."""
    count = math.floor(OCTAVE_STEPS * math.log2(high / low) + 1e-9) + 1 if high > low else 1
    return tuple(dict.fromkeys(round(low * 2 ** (i / OCTAVE_STEPS)) for i in range(count)))


def update_intervals(space: Space, plan: Plan) -> tuple[int, ...]:
    """The values of ΔT (optimizer steps) that update masks at least once whatever T_end; none for a short run."""
    low, high = space.delta_t_steps
    longest = math.ceil(space.t_end_fraction[0] * plan.total_steps) - 1
    return octaves(low, min(high, longest)) if longest >= low else ()


def walk(space: Space, plan: Plan, family: str, pick: Callable[[Axis], int]) -> Configuration:
    """The configuration of a family that `pick` chooses, an index per axis.

    Families with the same feasible sparsities share one sparsity axis, because there an index means the same. In a
    run too short for any mask update every schedule trains alike, so only the first method, at its lowest ΔT, is left.
    """

    def value(name: str, values: tuple[Any, ...], ordered: bool = True) -> Any:
        return values[pick(Axis(name, values, ordered)) if len(values) > 1 else 0]

    sparsities = tuple(round(p.nominal_sparsity, 6) for p in plan.grid(family))  # as they are stored
    sparsity = value(f"sparsity:{digest(sparsities, 6)}", sparsities)
    intervals = update_intervals(space, plan)
    method = value("method", space.methods if intervals else space.methods[:1], ordered=False)
    distribution = value("distribution", space.distributions, ordered=False)
    schedule = MaskSchedule(method=method, distribution=distribution)
    if schedule.is_dynamic and not intervals:
        schedule = MaskSchedule(method=method, distribution=distribution, delta_t_steps=space.delta_t_steps[0])
    elif schedule.is_dynamic:
        schedule = MaskSchedule(
            method=method,
            distribution=distribution,
            delta_t_steps=value("delta_t_steps", intervals),
            drop_fraction=value("drop_fraction", fractions(*space.drop_fraction)),
            anneal=value("anneal", space.anneals, ordered=False),
            t_end_fraction=value("t_end_fraction", fractions(*space.t_end_fraction)),
        )
    return Configuration(family, sparsity, schedule)


def indices(space: Space, plan: Plan, configuration: Configuration) -> dict[Axis, int]:
    """The inverse of `walk`: the axes that it asks for on its way to a configuration, with the index of each."""
    schedule = configuration.schedule
    found: dict[Axis, int] = {}

    def pick(axis: Axis) -> int:
        if axis.name.startswith("sparsity:"):
            index = axis.nearest(configuration.nominal_sparsity)
        else:
            index = axis.nearest(getattr(schedule, axis.name))
        found[axis] = index
        return index

    walk(space, plan, configuration.family, pick)
    return found
