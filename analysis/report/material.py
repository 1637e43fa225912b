"""What a report is written from: a job's answers and how its runs went, read once from one snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.comparison import ComparisonAnswer
from analysis.curve import Curve
from analysis.equivalence import EquivalenceAnswer
from analysis.importance import ImportanceAnswer
from analysis.pareto import ParetoAnswer
from analysis.report.runs import Environment, Loss, Outcome
from analysis.smooth import SmoothAnswer
from analysis.spending import Ledger
from sparseift.records import JobSpec, Plan

ENDED = ("succeeded", "failed", "cancelled")  # states of a job that has no more to come


@dataclass(frozen=True, slots=True)
class Material:
    """A job as its report needs it.

    Attributes:
        state, reason, message: the job's.
        created_at, as_of: UTC, "2026-05-04 09:30"; as_of is the time of the job's last event.
        version: of this program.
        planned: runs per kind that the job was accepted with (extensions included).
        labels: that users put on the job.
        job_id, name: within `curve`.
    """

    curve: Curve
    spec: JobSpec
    plan: Plan
    state: str
    reason: str
    message: str
    created_at: str
    as_of: str
    version: str
    planned: Mapping[str, int]
    labels: Mapping[str, str]
    outcomes: tuple[Outcome, ...]
    losses: tuple[Loss, ...]
    environments: tuple[Environment, ...]
    comparison: ComparisonAnswer
    equivalence: EquivalenceAnswer
    pareto: ParetoAnswer
    smooth: SmoothAnswer
    importance: ImportanceAnswer
    ledger: Ledger

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ENDED

    @property
    def commits(self) -> tuple[str, ...]:
        """Source commits that attempts ran from, sorted; () where none is known."""
        return tuple(sorted({e.facts["git_commit"] for e in self.environments if "git_commit" in e.facts}))

    def trials(self, state: str) -> int:
        """How many trials are in a state."""
        return sum(o.trials for o in self.outcomes if o.state == state)


def job_document(spec: JobSpec, labels: Mapping[str, str]) -> dict[str, Any]:
    """The submission that asks for this job again, in JSON."""
    found = spec.to_json()
    if labels:
        found["labels"] = dict(labels)
    return {name: value for name, value in found.items() if value not in ((), [], {})}
