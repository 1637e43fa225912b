"""How far a job is: pure functions of its plan, its budget and its trials' counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from service.jobs.schemas import PlannedTrials
from sparseift.records import JobSpec, Plan

ENDED = ("complete", "pruned", "failed", "cancelled")  # of trials; an infeasible point was never one to train
TERMINAL = ("succeeded", "failed", "cancelled")  # of jobs


@dataclass(frozen=True, slots=True)
class Outline:
    """What of a plan decides how many trials there are.

    Attributes:
        families: those with a feasible point.
        infeasible_points: how many points were refused.
    """

    families: frozenset[str]
    infeasible_points: int


def outline(plan: Plan) -> Outline:
    """A plan's outline."""
    feasible = frozenset(point.family for point in plan.points if point.feasible)
    return Outline(feasible, sum(not point.feasible for point in plan.points))


def planned(spec: JobSpec, plan: Plan | Outline) -> PlannedTrials:
    """The dense baseline on every seed, the search, and each family's best and the ladder on the same seeds."""
    known = plan if isinstance(plan, Outline) else outline(plan)
    families = sum(1 for f in spec.families if f in known.families)
    baseline = spec.budget.confirm_seeds
    search = spec.budget.search_trials if families else 0
    confirm, ladder = families * spec.budget.confirm_seeds, len(spec.ladder) * spec.budget.confirm_seeds
    return PlannedTrials(
        baseline=baseline,
        search=search,
        confirm=confirm,
        ladder=ladder,
        total=baseline + search + confirm + ladder,
        infeasible_points=known.infeasible_points,
    )


def ended(counts: Mapping[str, int]) -> int:
    """Trials that will not run again."""
    return sum(counts.get(state, 0) for state in ENDED)


def remaining(total: int, counts: Mapping[str, int]) -> int:
    """Trials still to end; what was lost for good is replaced, so there may be more than were planned."""
    open_now = counts.get("waiting", 0) + counts.get("running", 0)
    return max(open_now, total - ended(counts))


def fraction(total: int, counts: Mapping[str, int], state: str) -> float:
    """Share of the trials that have ended; 1 for a job that succeeded, whatever it had to skip."""
    if state == "succeeded":
        return 1.0
    done = ended(counts)
    return done / max(1, done + remaining(total, counts))


def eta_s(
    total: int, counts: Mapping[str, int], state: str, seconds: Sequence[float], done: Sequence[float], slots: int
) -> float | None:
    """Seconds until the last trial ends, from the median of `seconds` that completed ones took.

    Args:
        done: the share of its steps that each running trial has made. slots: on which trials run at once.

    Returns:
        None before a trial has completed, and for a job that is not running.
    """
    if state != "running" or not seconds:
        return None
    left = max(0.0, remaining(total, counts) - sum(done))  # in whole trials
    longest = max((1.0 - share for share in done), default=0.0)
    return median(seconds) * max(left / max(1, slots), longest)
