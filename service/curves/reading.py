"""A job's curve from the database: one snapshot, one computation for JSON, best and charts alike."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from service.jobs import progress
from sparseift.records import JobSpec, Plan
from store import curves, jobs, overview
from store.tables import Job

if TYPE_CHECKING:
    from analysis.curve import Curve


def read_curve(session: Session, job: Job) -> "Curve":
    """The curve as the session's snapshot has it."""
    from analysis.curve import curve  # it loads scipy, for which no start should wait

    spec, plan = JobSpec.from_json(job.spec), Plan.from_json(job.plan)
    planned = progress.planned(spec, plan)
    counts = jobs.counts(session, job.id)
    over = job.state in progress.TERMINAL
    return curve(
        job.id,
        job.name,
        plan.metric,
        plan,
        curves.measurements(session, job.id),
        counts=counts,
        expected_runs=sum(counts.values()) if over else planned.total + planned.infeasible_points,
        confirm_seeds=spec.budget.confirm_seeds,
        configurations=overview.configurations(session, job.id),
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
        "sparseift": version("sparseift"),
    }
