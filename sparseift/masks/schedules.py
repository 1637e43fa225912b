"""When masks change and by how much: frozen records that answer questions and own no counter.

Source: Evci et al., "Rigging the Lottery" (ICML 2020), section 3; the settings of the Sparse-IFT paper are the
defaults.
No torch here: the service validates schedules without it.
"""

import math
from dataclasses import dataclass

from sparseift.errors import InvalidValue, UnknownName

METHODS = ("static", "set", "rigl")
ANNEALS = ("cosine", "constant", "linear")
DISTRIBUTIONS = ("uniform", "er", "erk", "global", "lamp")
SCORED_DISTRIBUTIONS = ("global", "lamp")  # the counts come from weights' scores: `sparseift.masks.allocation`


@dataclass(frozen=True, slots=True)
class MaskSchedule:
    """How the masks of one run evolve.

    Attributes:
        method: "static" (masks never change), "set" (grow at random) or "rigl" (grow where |gradient| is largest).
        delta_t_steps: ΔT, optimizer steps between mask updates; ignored by "static", where `canonical` drops it.
        drop_fraction: α₀, the share of a layer's active weights dropped at the first update, in (0, 1).
        anneal: how α falls from α₀ at step 0 to T_end: "cosine", "linear", or "constant".
        t_end_fraction: T_end as a fraction of the run's steps, in (0, 1]; masks freeze from there on.
        distribution: how density is spread over layers: "uniform" or "erk".

    Raises:
        UnknownName, InvalidValue: on construction, for values outside these ranges.
    """

    method: str = "rigl"
    delta_t_steps: int = 100
    drop_fraction: float = 0.3
    anneal: str = "cosine"
    t_end_fraction: float = 0.75
    distribution: str = "uniform"

    def __post_init__(self) -> None:
        for kind, value, known in (
            ("mask method", self.method, METHODS),
            ("annealing", self.anneal, ANNEALS),
            ("distribution", self.distribution, DISTRIBUTIONS),
        ):
            if value not in known:
                raise UnknownName(kind, value, known)
        if self.delta_t_steps < 1:
            raise InvalidValue(f"delta_t_steps is {self.delta_t_steps}; it must be at least 1 step.")
        if not 0.0 < self.drop_fraction < 1.0:
            raise InvalidValue(f"drop_fraction is {self.drop_fraction}; it must lie in (0, 1).")
        if not 0.0 < self.t_end_fraction <= 1.0:
            raise InvalidValue(f"t_end_fraction is {self.t_end_fraction}; it must lie in (0, 1].")

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

    def drop_fraction_at(self, step: int, total_steps: int) -> float:
        """α_t, the share of active weights dropped by an update after `step` (1-based).

        cosine: α₀/2 · (1 + cos(π t / T_end)) (Evci et al., eq. 1); linear: α₀ (1 − t / T_end); constant: α₀.
        """
        progress = min(1.0, step / self.last_step(total_steps))
        if self.anneal == "cosine":
            return self.drop_fraction / 2.0 * (1.0 + math.cos(math.pi * progress))
        if self.anneal == "linear":
            return self.drop_fraction * (1.0 - progress)
        return self.drop_fraction

    def count_updates(self, total_steps: int) -> int:
        """How many mask updates a run of `total_steps` steps makes."""
        if not self.is_dynamic:
            return 0
        return (min(self.last_step(total_steps), total_steps + 1) - 1) // self.delta_t_steps

    def canonical(self) -> dict[str, object]:
        """The fields that this method uses: two schedules that train alike are equal here."""
        fields: dict[str, object] = {"method": self.method, "distribution": self.distribution}
        if self.is_dynamic:
            fields |= {
                "delta_t_steps": self.delta_t_steps,
                "drop_fraction": self.drop_fraction,
                "anneal": self.anneal,
                "t_end_fraction": self.t_end_fraction,
            }
        return fields
