"""From rows to the JSON of trials."""

from collections.abc import Sequence
from typing import Any

from service.times import utc
from service.trials.schemas import AttemptView, CheckpointView, MetricSeries, ReportView, TrialDetail, TrialView
from service.trials.thinning import Series, largest_triangles
from store.tables import Attempt, Checkpoint, Report, Trial

SAME = (  # columns that are shown as they are
    "number",
    "kind",
    "family",
    "configuration",
    "configuration_key",
    "sparsity",
    "scale",
    "seed",
    "state",
    "reason",
    "message",
    "value",
    "test_value",
    "forward_flops_per_sample",
    "executed_flops_per_sample",
    "flop_ratio",
    "training_flops",
    "parameters",
    "nonzero_parameters",
    "training_seconds",
)


def _fields(trial: Trial) -> dict[str, Any]:
    job = f"/v1/jobs/{trial.job_id}"
    return {
        **{name: getattr(trial, name) for name in SAME},
        "created_at": utc(trial.created_at_s),
        "ended_at": utc(trial.ended_at_s),
        "links": links(job, trial.number),
    }


def links(job: str, number: int) -> dict[str, str]:
    """Where to go on from a trial."""
    here = f"{job}/trials/{number}"
    return {"self": here, "job": job, "metrics": f"{here}/metrics", "log": f"{here}/log"}


def series(trial: Trial, reports: Sequence[Report], points: int) -> MetricSeries:
    """A trial's course, thinned measure by measure."""

    def thinned(name: str) -> Series:
        measured = [(r.step, getattr(r, name)) for r in reports if getattr(r, name) is not None]
        return largest_triangles(measured, points)

    return MetricSeries(
        number=trial.number,
        total_steps=reports[-1].total_steps if reports else None,
        reports=len(reports),
        **{name: thinned(name) for name in ("train_loss", "value", "churn", "itop", "training_flops")},
    )


def view(trial: Trial) -> TrialView:
    """A trial as lists show it."""
    return TrialView(**_fields(trial))


def detail(
    trial: Trial, attempts: Sequence[Attempt], reports: Sequence[Report], checkpoint: Checkpoint | None
) -> TrialDetail:
    """A trial with all that is known of it."""
    return TrialDetail(
        **_fields(trial),
        attempts=[_attempt(a) for a in attempts],
        checkpoint=_checkpoint(checkpoint) if checkpoint else None,
        reports=[ReportView(**{name: getattr(r, name) for name in ReportView.model_fields}) for r in reports],
    )


def _attempt(attempt: Attempt) -> AttemptView:
    return AttemptView(
        number=attempt.number,
        state=attempt.state,  # type: ignore[arg-type]  # the column is text; pydantic checks it
        worker=attempt.worker,
        slot=attempt.slot,
        started_at=utc(attempt.started_at_s),
        ended_at=utc(attempt.ended_at_s),
        failure_class=attempt.failure_class,
        message=attempt.message,
        environment=attempt.environment,
        log_path=attempt.log_path,
    )


def _checkpoint(checkpoint: Checkpoint) -> CheckpointView:
    return CheckpointView(step=checkpoint.step, path=checkpoint.path, created_at=utc(checkpoint.created_at_s))
