"""The answers of a job beside its curve, from the session's snapshot. Analysis loads when the first is asked for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from service import problems
from sparseift.records import DENSE, JobSpec, Plan
from store import analyses, curves
from store.tables import Job

if TYPE_CHECKING:
    from analysis.comparison import ComparisonAnswer
    from analysis.curve import Curve
    from analysis.equivalence import EquivalenceAnswer
    from analysis.importance import ImportanceAnswer
    from analysis.measurement import Cost
    from analysis.pareto import ParetoAnswer
    from analysis.smooth import SmoothAnswer
    from analysis.spending import Ledger


def read_comparison(curve: "Curve", keys: Sequence[str], reference: str) -> "ComparisonAnswer":
    """Configurations against a reference: those named, or else each family's best.

    Raises:
        Refused: a key that no complete trial of the job has.
    """
    from analysis.best import job_noise
    from analysis.comparison import Contender, compare, contender_of, contender_of_dense

    points = {p.configuration_key: contender_of(p) for p in curve.points}
    if curve.dense is not None:
        points[DENSE] = contender_of_dense(curve.dense)
    for field, wanted in [("reference", reference), *(("key", key) for key in keys)]:
        if wanted not in points and wanted != DENSE:
            raise problems.invalid(field, f"no configuration {wanted!a} of this job has a result.")
    base = points.get(reference, Contender(DENSE, DENSE, 0.0, "", {}, 1.0, False))
    chosen = dict.fromkeys(keys or [b.point.configuration_key for b in curve.best])
    against = [points[key] for key in chosen if key != reference and key in points] if base.runs else []
    noise = job_noise(curve.points, curve.dense)
    return compare(against, base, curve.metric, pool=points.values(), noise=noise)


def read_equivalence(session: Session, job: Job, curve: "Curve") -> "EquivalenceAnswer":
    """Dense scaling, and which dense model each confirmed configuration equals, or a family's provisional best."""
    from analysis.equivalence import dense_sizes
    from analysis.ladder import equivalents

    sizes = dense_sizes(curves.measurements(session, job.id))
    return equivalents(sizes, curve.points, curve.best, curve.metric)


def read_pareto(session: Session, job: Job, curve: "Curve", cost: "Cost") -> "ParetoAnswer":
    """The front over a cost."""
    from analysis.pareto import candidates, pareto

    schedules = {p.configuration_key: p.schedule for p in curve.points}
    found = candidates(curves.measurements(session, job.id), analyses.costs(session, job.id), schedules)
    return pareto(found, curve.metric, cost)


def read_smooth(job: Job, curve: "Curve") -> "SmoothAnswer":
    """A smooth curve per family of the plan, and the sparsity to try next."""
    from analysis.best import job_noise
    from analysis.smooth import SmoothAnswer, smooth

    plan = Plan.from_json(job.plan)
    noise = job_noise(curve.points, curve.dense)
    families = JobSpec.from_json(job.spec).families
    found = tuple(
        smooth(curve.points, [p.sparsity for p in plan.grid(family)], curve.metric, family, noise)
        for family in families
        if plan.grid(family)
    )
    return SmoothAnswer(curve.metric, found)


def read_importance(session: Session, job: Job, curve: "Curve") -> "ImportanceAnswer":
    """What of the mask schedule matters, and how masks' histories go with the metric."""
    from analysis.churn import associations
    from analysis.importance import importance
    from analysis.schedules import schedule_effects

    rows = curves.measurements(session, job.id)
    configurations = curves.configurations(session, job.id, {m.configuration_key: m.trial_id for m in rows})
    return importance(
        rows,
        configurations,
        curve.metric,
        effects=schedule_effects(rows, configurations, curve.metric),
        associations=associations(analyses.mask_histories(session, job.id), curve.metric),
    )


def read_ledger(session: Session, job: Job) -> "Ledger":
    """Where the job's compute went."""
    from analysis.spending import ledger

    plan = Plan.from_json(job.plan)
    return ledger(
        analyses.work(session, job.id),
        total_steps=plan.total_steps,
        batch_size=plan.batch_size,
        dense_training_flops=plan.dense_training_flops,
    )
