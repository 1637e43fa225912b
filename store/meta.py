"""The final runs of many jobs, which a view over jobs rests on."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from analysis.confirmed import Confirmed
from sparseift.records import DENSE
from store.curves import IS_COMPLETE
from store.tables import Job, Trial

MOST_JOBS = 500  # the newest
TOLERANCE = 1.0005e-3  # of FLOPs, as a curve takes a point for iso-FLOP; the rest is rounding


def confirmed(
    session: Session, project: str | None, *, dataset: str | None = None, family: str | None = None
) -> list[Confirmed]:
    """Of the newest jobs that succeeded, confirmed configurations at dense's FLOPs and the dense baseline, by job.

    Args:
        project: whose jobs; None: every project's.
        dataset: its name; family: of which something is asked; what is left out does not filter.
    """
    chosen = select(Job.id).where(Job.state == "succeeded", Job.archived_at_s.is_(None))
    if project is not None:
        chosen = chosen.where(Job.project == project)
    if dataset is not None:
        chosen = chosen.where(Job.spec[("dataset", "name")].as_string() == dataset)
    newest = chosen.order_by(Job.id.desc()).limit(MOST_JOBS).subquery()
    runs = (
        select(
            Trial.job_id,
            Trial.family,
            Trial.configuration_key,
            Trial.kind,
            func.avg(Trial.sparsity).label("sparsity"),
            func.avg(Trial.value).label("mean"),
            func.count().label("runs"),
        )
        .where(
            Trial.job_id.in_(select(newest.c.id)),
            IS_COMPLETE,
            Trial.kind.in_(("confirm", "baseline")),
            func.abs(Trial.flop_ratio - 1.0) <= TOLERANCE,
        )
        .group_by(Trial.job_id, Trial.family, Trial.configuration_key, Trial.kind)
    )
    if family is not None:
        runs = runs.where(Trial.family.in_((DENSE, family)))
    found = runs.subquery()
    query = (
        select(
            Job.id,
            Job.spec[("model", "name")].as_string(),
            Job.spec[("dataset", "name")].as_string(),
            Job.plan["dense"],
            Job.plan[("metric", "direction")].as_string(),
            found.c.family,
            found.c.kind,
            found.c.sparsity,
            found.c.mean,
            found.c.runs,
        )
        .join(found, found.c.job_id == Job.id)
        .order_by(Job.id, found.c.family, found.c.configuration_key, found.c.kind)
    )
    return [
        Confirmed(job, model, data, dense["forward_flops"], dense["parameters"], direction == "maximize", *rest)
        for job, model, data, dense, direction, *rest in session.execute(query)
    ]
