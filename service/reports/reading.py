"""A job's report from the session's snapshot: its answers, how its runs went, and in what they ran."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from service.analyses import reading
from service.jobs import progress
from service.times import utc
from sparseift.records import JobSpec, Plan
from store import labels, overview, runs
from store.tables import Job

if TYPE_CHECKING:
    from analysis.curve import Curve
    from analysis.report.material import Material

MINUTES = "%Y-%m-%d %H:%M"


def read_material(session: Session, job: Job, curve: "Curve") -> "Material":
    """What the report is written from. Times are the database's, so that a report changes with its job alone."""
    from analysis.report.material import Material

    spec, plan = JobSpec.from_json(job.spec), Plan.from_json(job.plan)
    planned = progress.planned(spec, plan)
    return Material(
        curve=curve,
        spec=spec,
        plan=plan,
        state=job.state,
        reason=job.reason,
        message=job.message,
        created_at=utc(job.created_at_s).strftime(MINUTES),
        as_of=utc(overview.last_event_s(session, job.id) or job.created_at_s).strftime(MINUTES),
        version=version("sparseift"),
        planned={kind: getattr(planned, kind) for kind in ("baseline", "search", "confirm", "ladder")},
        labels=labels.of(session, [job.id])[job.id],
        outcomes=runs.outcomes(session, job.id),
        losses=runs.losses(session, job.id),
        environments=runs.environments(session, job.id),
        comparison=reading.read_comparison(curve, (), "dense"),
        equivalence=reading.read_equivalence(session, job, curve),
        pareto=reading.read_pareto(session, job, curve, "training_flops"),
        smooth=reading.read_smooth(job, curve),
        importance=reading.read_importance(session, job, curve),
        ledger=reading.read_ledger(session, job),
    )
