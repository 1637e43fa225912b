"""When masks change and by how much: frozen records that answer questions and own no counter.

Source: Evci et al., "Rigging the Lottery" (ICML 2020), section 3; the settings of the Sparse-IFT paper are the
defaults.
No torch here: the service validates schedules without it.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sparseift.errors import InvalidValue, UnknownName
from sparseift.masks.structures import parse

METHODS = ("static", "set", "rigl", "snfs", "granet", "gmp")
SEARCHABLE_METHODS = ("static", "set", "rigl", "snfs")  # what a search may propose: constant density, no structure
ANNEALS = ("cosine", "constant", "linear")
DISTRIBUTIONS = ("uniform", "er", "erk", "global", "lamp")
SCORED_DISTRIBUTIONS = ("global", "lamp")  # the counts come from weights' scores: `sparseift.masks.allocation`
RAMP_SHAPES = ("cubic", "linear")

_GROWS_ON_GRADIENTS = ("rigl", "granet")
_NEEDS_RAMP = ("granet", "gmp")


@dataclass(frozen=True, slots=True)
class Ramp:
    """How density goes from a start to the masks' final counts during training, down or up.

    Attributes:
        start_density: of every masked layer before the ramp, in (0, 1]; 1 starts dense.
        begin_fraction, end_fraction: of the run's steps, 0 <= begin < end <= 1.
        shape: "cubic", final + (start − final)(1 − τ)³ (Zhu & Gupta 2017, eq. 1), or "linear".

    Raises:
        UnknownName, InvalidValue: on construction, for values outside these ranges.
    """

    start_density: float
    begin_fraction: float = 0.0
    end_fraction: float = 0.5
    shape: str = "cubic"

    def __post_init__(self) -> None:
        if self.shape not in RAMP_SHAPES:
            raise UnknownName("shape of a ramp", self.shape, RAMP_SHAPES)
        if not 0.0 < self.start_density <= 1.0:
            raise InvalidValue(f"start_density is {self.start_density}; it must lie in (0, 1].")
        if not 0.0 <= self.begin_fraction < self.end_fraction <= 1.0:
            raise InvalidValue(
                f"The ramp goes from {self.begin_fraction} to {self.end_fraction} of the steps; it must be "
                "0 <= begin_fraction < end_fraction <= 1."
            )

    def remaining(self, step: int, total_steps: int) -> float:
        """The share of the way from start to final that is still to go after `step` (1-based): 1 at first, 0 at the
        end, the same for every layer."""
        begin, end = self.begin_fraction * total_steps, self.end_fraction * total_steps
        progress = min(1.0, max(0.0, (step - begin) / (end - begin)))
        return (1.0 - progress) ** 3 if self.shape == "cubic" else 1.0 - progress

    def count_at(self, step: int, total_steps: int, start_count: int, final_count: int) -> int:
        """Active weights of a layer after `step` (1-based); exactly `final_count` in the end."""
        return final_count + round((start_count - final_count) * self.remaining(step, total_steps))


@dataclass(frozen=True, slots=True)
class MaskSchedule:
    """How the masks of one run evolve.

    Attributes:
        method: "static" (masks never change), "set" (grow at random), "rigl" (grow where |gradient| is largest), "snfs"
            (where the optimizer's |momentum| is largest; layers keep their counts), "granet" (rigl on a density ramp)
            or "gmp" (a ramp alone: the smallest weights go and none comes back). Whatever the method, every layer goes
            to its own solved count, so that FLOPs are exact: SNFS's and GraNet's exchange between layers is left out.
        delta_t_steps: ΔT, optimizer steps between mask updates; ignored by "static", where `canonical` drops it.
        drop_fraction: α₀, the share of a layer's active weights dropped at the first update, in (0, 1).
        anneal: how α falls from α₀ at step 0 to T_end: "cosine", "linear", or "constant".
        t_end_fraction: T_end as a fraction of the run's steps, in (0, 1]; masks freeze from there on.
        distribution: how density is spread over layers, one of `DISTRIBUTIONS`.
        structure: of every mask, see `sparseift.masks.structures`.
        gradient_steps: "rigl" and "granet" grow on gradients summed over so many optimizer steps up to the update.
        ramp: of the density; "granet" and "gmp" start dense unless told otherwise. The masks must have been attached
            with its start density.

    Raises:
        UnknownName, InvalidValue: on construction, for values outside these ranges.
    """

    method: str = "rigl"
    delta_t_steps: int = 100
    drop_fraction: float = 0.3
    anneal: str = "cosine"
    t_end_fraction: float = 0.75
    distribution: str = "uniform"
    structure: str = "unstructured"
    gradient_steps: int = 1
    ramp: Ramp | None = None

    def __post_init__(self) -> None:
        for kind, value, known in (
            ("mask method", self.method, METHODS),
            ("annealing", self.anneal, ANNEALS),
            ("distribution", self.distribution, DISTRIBUTIONS),
        ):
            if value not in known:
                raise UnknownName(kind, value, known)
        parse(self.structure)
        if self.delta_t_steps < 1:
            raise InvalidValue(f"delta_t_steps is {self.delta_t_steps}; it must be at least 1 step.")
        if not 0.0 < self.drop_fraction < 1.0:
            raise InvalidValue(f"drop_fraction is {self.drop_fraction}; it must lie in (0, 1).")
        if not 0.0 < self.t_end_fraction <= 1.0:
            raise InvalidValue(f"t_end_fraction is {self.t_end_fraction}; it must lie in (0, 1].")
        if not 1 <= self.gradient_steps <= self.delta_t_steps:
            raise InvalidValue(
                f"gradient_steps is {self.gradient_steps}; it must lie between 1 and delta_t_steps, "
                f"{self.delta_t_steps}."
            )
        if self.gradient_steps > 1 and self.method not in _GROWS_ON_GRADIENTS:
            raise InvalidValue(
                f"gradient_steps is {self.gradient_steps}, but '{self.method}' does not grow on gradients; it must be "
                f"1 but for {' and '.join(_GROWS_ON_GRADIENTS)}."
            )
        if self.ramp is None and self.method in _NEEDS_RAMP:
            object.__setattr__(self, "ramp", Ramp(1.0, end_fraction=min(0.5, self.t_end_fraction)))
        if self.ramp is None:
            return
        if self.method == "static":
            raise InvalidValue("The method 'static' never changes masks, so its ramp must be None.")
        if self.ramp.end_fraction > self.t_end_fraction:
            raise InvalidValue(
                f"The ramp ends at {self.ramp.end_fraction} of the steps, after the last mask update; its end_fraction "
                f"must be at most t_end_fraction, {self.t_end_fraction}."
            )

    @classmethod
    def from_canonical(cls, fields: Mapping[str, Any]) -> "MaskSchedule":
        """The inverse of `canonical`."""
        ramp = fields.get("ramp")
        return cls(**{**fields, "ramp": Ramp(**ramp) if ramp else None})

    @property
    def is_dynamic(self) -> bool:
        """Whether masks change at all during training."""
        return self.method != "static"

    def last_step(self, total_steps: int) -> int:
        """The first step (1-based) at which no update happens any more, T_end in steps."""
        return math.ceil(self.t_end_fraction * total_steps - 1e-9)  # .55 · 100 is 55.000000000000007

    def is_update_step(self, step: int, total_steps: int) -> bool:
        """Whether masks are updated after the optimizer's `step`-th step (1-based)."""
        return self.is_dynamic and step % self.delta_t_steps == 0 and step < self.last_step(total_steps)

    def is_gradient_step(self, step: int, total_steps: int) -> bool:
        """Whether the gradient of the `step`-th step (1-based) counts in the next update's growth."""
        due = -(-step // self.delta_t_steps) * self.delta_t_steps
        return due - step < self.gradient_steps and self.is_update_step(due, total_steps)

    def drop_fraction_at(self, step: int, total_steps: int) -> float:
        """α_t, the share of active weights dropped by an update after `step` (1-based); 0 for "gmp".

        cosine: α₀/2 · (1 + cos(π t / T_end)) (Evci et al., eq. 1); linear: α₀ (1 − t / T_end); constant: α₀.
        """
        if self.method == "gmp":
            return 0.0
        progress = min(1.0, step / self.last_step(total_steps))
        if self.anneal == "cosine":
            return self.drop_fraction / 2.0 * (1.0 + math.cos(math.pi * progress))
        if self.anneal == "linear":
            return self.drop_fraction * (1.0 - progress)
        return self.drop_fraction

    def ramp_remaining(self, step: int, total_steps: int) -> float:
        """What is left of the ramp's way after an update at `step` (1-based): as `Ramp.remaining`, but 0 at the last
        update, so that every run ends with the final counts; 0 without a ramp."""
        if self.ramp is None or step >= self.count_updates(total_steps) * self.delta_t_steps:
            return 0.0
        return self.ramp.remaining(step, total_steps)

    def count_at(self, step: int, total_steps: int, start_count: int, final_count: int) -> int:
        """Active weights of a layer after an update at `step` (1-based)."""
        return final_count + round((start_count - final_count) * self.ramp_remaining(step, total_steps))

    def count_updates(self, total_steps: int) -> int:
        """How many mask updates a run of `total_steps` steps makes."""
        if not self.is_dynamic:
            return 0
        return (min(self.last_step(total_steps), total_steps + 1) - 1) // self.delta_t_steps

    def canonical(self) -> dict[str, object]:
        """The fields that this method uses: two schedules that train alike are equal here."""
        fields: dict[str, object] = {"method": self.method, "distribution": self.distribution}
        if self.is_dynamic:
            fields["delta_t_steps"] = self.delta_t_steps
            if self.method != "gmp":
                fields |= {"drop_fraction": self.drop_fraction, "anneal": self.anneal}
            fields["t_end_fraction"] = self.t_end_fraction
        # Fields that came later stand here only where they say something: stored hashes stay what they were.
        if self.structure != "unstructured":
            fields["structure"] = self.structure
        if self.gradient_steps != 1:
            fields["gradient_steps"] = self.gradient_steps
        if self.ramp is not None:
            fields["ramp"] = asdict(self.ramp)
        return fields
