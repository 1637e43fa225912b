"""From rows to the JSON of jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from service.jobs import device_time, progress
from service.jobs.schemas import (
    BestSoFar,
    ConditionView,
    DryRun,
    JobSummary,
    JobView,
    MetricView,
    PlanView,
    QuarantineView,
    RunningTrial,
    SpentView,
)
from service.times import utc
from sparseift.records import JobSpec, Plan
from store.rates import Rates
from store.slots import Quarantine
from store.spending import Spent
from store.tables import Job, Report

if TYPE_CHECKING:  # it loads scipy, for which no start should wait
    from analysis.curve import Curve
    from service.curves.memory import KeptCurve


VERBS = ("pause", "resume", "stop", "cancel", "extend", "prioritize", "clone", "archive", "unarchive")


def links(job_id: str) -> dict[str, str]:
    """Where to go on from a job."""
    here = f"/v1/jobs/{job_id}"
    nouns = {noun: f"{here}/{noun}" for noun in ("trials", "best", "curve", "events")}
    return {"self": here, **nouns, **{verb: f"{here}:{verb}" for verb in VERBS}}


def summary_fields(
    job: Job, counts: Mapping[str, int], labelled: Mapping[str, str], plan: progress.Outline
) -> dict[str, Any]:
    """The fields of a `JobSummary`; of the job all but its plan is looked at."""
    spec = JobSpec.from_json(job.spec)
    planned = progress.planned(spec, plan)
    return {
        "id": job.id,
        "name": job.name,
        "owner": job.owner,
        "state": job.state,
        "reason": job.reason,
        "message": job.message,
        "wanted": job.wanted,
        "priority": job.priority,
        "search_closed": job.search_closed,
        "model": spec.model.name,
        "dataset": spec.dataset.name,
        "families": list(spec.families),
        "trials": dict(counts),
        "planned_trials": planned,
        "progress": progress.fraction(planned.total, counts, job.state),
        "project": job.project,
        "labels": dict(labelled),
        "created_at": utc(job.created_at_s),
        "updated_at": utc(job.updated_at_s),
        "started_at": utc(job.started_at_s),
        "ended_at": utc(job.ended_at_s),
        "archived_at": utc(job.archived_at_s),
        "links": links(job.id),
    }


def summary(job: Job, counts: Mapping[str, int], labelled: Mapping[str, str], plan: progress.Outline) -> JobSummary:
    """A job as lists show it."""
    return JobSummary(**summary_fields(job, counts, labelled, plan))


def view(
    job: Job,
    kept: "KeptCurve",
    latest: Mapping[int, Report],
    *,
    labelled: Mapping[str, str],
    spent: Spent,
    seconds: Sequence[float],
    slots: int,
    quarantined: Sequence[Quarantine],
    waiting_for: str | None,
    conditions: Sequence[ConditionView],
) -> JobView:
    """A job, with the best of its curve.

    Args:
        latest: the last report of each running trial by its number.
        seconds: that its last complete trials took. slots: on which its attempts have run.
        waiting_for: the quota that holds it back, as a sentence.
        conditions: what became of it.
    """
    curve = kept.curve
    fields = summary_fields(job, curve.counts, labelled, progress.outline(Plan.from_json(job.plan)))
    at_once = max(curve.counts.get("running", 0), min(slots, job.spec["in_flight"]))
    expected = fields["planned_trials"].total
    done = [report.step / report.total_steps for report in latest.values()]
    return JobView(
        **fields,
        conditions=list(conditions),
        eta_seconds=None
        if job.search_closed  # nobody knows how many confirmations are left to be made
        else progress.eta_s(expected, curve.counts, job.state, seconds, done, at_once),
        spent=SpentView(**asdict(spent)),
        quarantined=[QuarantineView(slot=q.slot, until=utc(q.until_s), message=q.message) for q in quarantined],
        waiting_for=waiting_for,
        running=[running(number, report) for number, report in sorted(latest.items())],
        headline=curve.headline,
        best=best_so_far(curve),
        best_age_seconds=kept.age_s(),
        metric=MetricView(**job.plan["metric"]),
        spec=job.spec,
        plan=PlanView(**job.plan),
    )


def running(number: int, report: Report) -> RunningTrial:
    """How far a running trial is."""
    return RunningTrial(
        number=number,
        step=report.step,
        total_steps=report.total_steps,
        train_loss=report.train_loss,
        value=report.value,
    )


def best_so_far(curve: "Curve") -> BestSoFar | None:
    """The first of the families' answers: analysis puts the best family first."""
    if not curve.best:
        return None
    point = curve.best[0].point
    return BestSoFar(
        family=point.family,
        configuration_key=point.configuration_key,
        sparsity=point.sparsity,
        schedule=point.schedule,
        value=point.mean,
        seeds=len(point.seeds),
        gain=point.gain.mean if point.gain else None,
        confirmed=point.confirmed,
    )


def dry_run(spec: JobSpec, plan: Plan, rates: Rates) -> DryRun:
    """What a submission would create."""
    planned = progress.planned(spec, plan)
    return DryRun(
        spec=spec.to_json(),
        plan=PlanView(**plan.to_json()),
        planned_trials=planned,
        training_flops=planned.total * plan.dense_training_flops,
        device_time=device_time.estimate(spec, plan, rates),
    )
