"""A job's curve from the database: one snapshot, one computation for JSON, best and charts alike."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from service.jobs import progress
from sparseift.records import JobSpec, Plan
from store import curves
from store.tables import Job

if TYPE_CHECKING:
    from analysis.curve import Curve, Findings


def read_findings(session: Session, job: Job, before: "Findings | None" = None) -> "Findings":
    """What the job's complete trials say.

    Args:
        before: what fewer of them said: the configurations that it names need not be read again.
    """
    from analysis.curve import findings  # it loads scipy, for which no start should wait

    plan = Plan.from_json(job.plan)
    measured = curves.measurements(session, job.id)
    schedules = {p.configuration_key: p.schedule for p in before.points} if before else {}
    new = {m.configuration_key: m.trial_id for m in measured if m.configuration_key not in schedules}
    return findings(plan.metric, measured, curves.configurations(session, job.id, new), schedules)


def tell(job: Job, found: "Findings", counts: Mapping[str, int]) -> "Curve":
    """The curve of a job with these findings and so many trials in each state."""
    from analysis.curve import tell

    spec, plan = JobSpec.from_json(job.spec), Plan.from_json(job.plan)
    planned = progress.planned(spec, plan)
    over = job.state in progress.TERMINAL
    return tell(
        found,
        job.id,
        job.name,
        plan,
        counts=counts,
        expected_runs=sum(n for state, n in counts.items() if state != "infeasible") if over else planned.total,
        confirm_seeds=spec.budget.confirm_seeds,
        provenance=provenance(spec),
    )


def provenance(spec: JobSpec) -> dict[str, str]:
    """What was asked, in words, and which version of this program tells."""

    def words(name: str, arguments: dict[str, int | float]) -> str:
        return f"{name}({', '.join(f'{k}={v}' for k, v in sorted(arguments.items()))})"

    return {
        "model": words(spec.model.name, spec.model.arguments),
        "dataset": words(spec.dataset.name, spec.dataset.arguments),
        "scope": spec.scope,
        "seed": str(spec.seed),
        "sparseift": _version(),
    }


@cache  # half a millisecond of looking through files
def _version() -> str:
    return version("sparseift")
