"""A job as the menu, the overview and the progress bar show it."""

from dataclasses import dataclass
from typing import Any, Literal, Self

from sparseift.records import Metric

Json = dict[str, Any]
ACTIVE = ("queued", "running", "paused", "stopping")


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the menu, the overview and the progress bar show it.

    Attributes:
        progress: share of its planned trials that have ended, 0 to 1.
        failed: trials that failed.
        headline, best, eta_seconds: the answer so far; empty in lists.
        counts: trials per state; planned: trials of its plan.
    """

    id: str
    name: str
    state: str
    message: str
    progress: float
    eta_seconds: float | None
    failed: int
    headline: str = ""
    best: tuple[tuple[str, Any], ...] = ()
    metric_name: str = ""
    metric_unit: str = ""
    metric_direction: str = "maximize"
    model: str = ""
    dataset: str = ""
    families: tuple[str, ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    planned: int = 0
    created_at: str = ""
    updated_at: str = ""
    total_steps: int = 0

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """From an element of `GET /v1/jobs` or from `GET /v1/jobs/{id}`."""
        counts = value.get("trials", {})
        return cls(
            id=value["id"],
            name=value["name"],
            state=value["state"],
            message=value.get("message", ""),
            progress=float(value.get("progress", 0.0)),
            eta_seconds=value.get("eta_seconds"),
            failed=int(counts.get("failed", 0)),
            headline=value.get("headline", ""),
            best=tuple((value.get("best") or {}).items()),
            metric_name=value.get("metric", {}).get("name", ""),
            metric_unit=value.get("metric", {}).get("unit", ""),
            metric_direction=value.get("metric", {}).get("direction", "maximize"),
            model=value.get("model", ""),
            dataset=value.get("dataset", ""),
            families=tuple(value.get("families", ())),
            counts=tuple(counts.items()),
            planned=int(value.get("planned_trials", {}).get("total", 0)),
            created_at=value.get("created_at", ""),
            updated_at=value.get("updated_at", ""),
            total_steps=int(value.get("plan", {}).get("total_steps", 0)),
        )

    @property
    def metric(self) -> Metric:
        """What its trials measure."""
        better: Literal["maximize", "minimize"] = "minimize" if self.metric_direction == "minimize" else "maximize"
        return Metric(self.metric_name, self.metric_unit, better)

    @property
    def is_active(self) -> bool:
        """Whether more may come."""
        return self.state in ACTIVE
