"""What earlier jobs found, as the first proposals of another: enqueued, never told as results.

Another model's values say nothing of this one's, but what was best there is often good here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sparseift.records import Configuration, JobSpec, Plan
from worker.choose import choose
from worker.layout import configuration_of, layout_of, rows_of
from worker.search import Row, searched_families

MOST = 2  # starting points of a family: a search must also look for itself


@dataclass(frozen=True, slots=True)
class Earlier:
    """A job that was run before: what it asked, its plan, and its trials by number."""

    spec: JobSpec
    plan: Plan
    rows: Sequence[Row]


def starts(spec: JobSpec, plan: Plan, earlier: Sequence[Earlier]) -> dict[str, tuple[Configuration, ...]]:
    """For each family of a job, the best configuration of every earlier job on the same data set, the first job first.

    A configuration moves to the nearest of the new space and plan; one whose method is not in the space is left out.
    """
    found: dict[str, list[Configuration]] = {}
    for job in earlier:
        if job.spec.dataset != spec.dataset:
            continue
        measured = [
            (row.configuration, row.value)
            for row in job.rows
            if row.kind in ("search", "confirm") and row.state == "complete" and row.value is not None
        ]
        for family, best in choose(job.spec.space, job.plan, measured).items():
            if family not in searched_families(spec, plan) or not _is_sayable(spec, best):
                continue
            layout = layout_of(spec.space, plan, family)
            moved = configuration_of(spec.space, plan, layout, rows_of(layout, [best])[0])
            if moved not in found.setdefault(family, []):
                found[family].append(moved)
    return {family: tuple(configurations[:MOST]) for family, configurations in found.items()}


def _is_sayable(spec: JobSpec, configuration: Configuration) -> bool:
    """Whether the space has the configuration's choices; its numbers can move to the nearest."""
    schedule, space = configuration.schedule, spec.space
    if schedule is None or schedule.method not in space.methods or schedule.distribution not in space.distributions:
        return False
    return not schedule.is_dynamic or schedule.anneal in space.anneals
