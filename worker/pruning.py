"""Early stopping within a family, by training FLOPs: the bar that a search trial must not fall behind.

Trials are compared at equal training FLOPs (steps and epochs cost families differently), from half of a dense training
on, with those of their own family alone: a family that learns slowly is not behind another. The bar is the median of
the family's earlier trials at the same FLOPs (the median stopping rule of Golovin et al., "Google Vizier", 2017), which
takes three of them; one that was itself stopped counts as worse than any from there on.

Earlier are the trials that had all ended when this one was proposed, whatever the timing, so the bar is known before an
attempt starts: its own process holds its reports against it, and the same trials are stopped whatever ends first, or
is lost and run again. What it saves and costs: benchmarks/early_stopping.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from sparseift.errors import SparseIFTError
from sparseift.records import JobSpec, Plan, Progress

if TYPE_CHECKING:
    from worker.search import Row  # imports Optuna, of which an attempt's process has no need

START = 0.5  # of a dense training's FLOPs: before, curves of the benchmark say little of their ends
TOLERANCE = 0.005  # of that share: an evaluation at half of a run counts, though equal FLOPs are met within .1 %
FEWEST = 3  # earlier trials that make a median

Course = Sequence[tuple[float, float]]  # (training FLOPs so far, metric), rising


class Pruned(SparseIFTError):
    """A trial fell behind its family's bar."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The median of a family's earlier trials as straight lines between (`flops`, `values`), and nothing outside.

    Attributes:
        family, direction: whose, and which way is better.
        trials: how many earlier ones it is the median of.
        flops, values: training FLOPs, rising, and the metric there.
    """

    family: str
    direction: Literal["maximize", "minimize"]
    trials: int
    flops: tuple[float, ...]
    values: tuple[float, ...]

    def verdict(self, progress: Progress) -> str | None:
        """Why a trial with this report is to be stopped; None where it may go on, as at its end it always may."""
        value, spent = progress.value, progress.training_flops
        if value is None or progress.step >= progress.total_steps or not self.flops[0] <= spent <= self.flops[-1]:
            return None
        bar = float(np.interp(spent, self.flops, self.values))
        if (value - bar) * (1.0 if self.direction == "minimize" else -1.0) <= 0.0:
            return None
        return (
            f"Stopped early at {spent:.4g} training FLOPs: its {value:.6g} is worse than {bar:.6g}, the median there "
            f"of {self.trials} earlier trials of {self.family}."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` inverts it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(**{**value, "flops": tuple(value["flops"]), "values": tuple(value["values"])})


def bar_for(spec: JobSpec, plan: Plan, rows: Sequence["Row"], courses: Mapping[int, Course], number: int) -> Bar | None:
    """What the search trial `number` is held against; None without early stopping, or with too little to compare.

    Args:
        rows: every trial of the job by number.
        courses: of the job's ended search trials, by number.
    """
    if spec.budget.early_stopping == "none":
        return None
    refused = sum(not p.feasible for p in plan.points)
    searched = [row for row in rows[refused:] if row.kind == "search"]
    place = next(i for i, row in enumerate(searched) if row.number == number)
    family = searched[place].configuration.family
    peers = [
        (courses[row.number], row.state == "pruned")
        for row in searched[: max(0, place - spec.in_flight + 1)]
        if row.configuration.family == family and row.state in ("complete", "pruned") and courses.get(row.number)
    ]
    return _median(family, plan, peers)


def _median(family: str, plan: Plan, peers: Sequence[tuple[Course, bool]]) -> Bar | None:
    if len(peers) < FEWEST:
        return None
    sign = -1.0 if plan.metric.direction == "maximize" else 1.0
    start = max(START * (1.0 - TOLERANCE) * plan.dense_training_flops, *(course[0][0] for course, _ in peers))
    knots = np.array(sorted({start, *(flops for course, _ in peers for flops, _ in course if flops > start)}))
    lines = []
    for course, stopped in peers:
        flops, values = np.array(course, dtype=np.float64).T
        line = np.interp(knots, flops, sign * values)
        lines.append(np.where(knots > flops[-1], np.inf, line) if stopped else line)
    medians = np.sort(np.array(lines), axis=0)[len(lines) // 2]  # of an even number the worse of the middle two
    known = np.isfinite(medians)
    if not known.any():
        return None
    flops, values = knots[known].tolist(), (sign * medians[known]).tolist()
    return Bar(family, plan.metric.direction, len(peers), tuple(flops), tuple(values))
