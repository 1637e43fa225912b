"""From rows to the records that the search and the training understand."""

from dataclasses import dataclass

from sparseift.records import Configuration, JobSpec, Named, Plan, TrialSpec
from store.tables import Job, Trial
from worker.search import Row


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker holds the lease of."""

    job_id: str
    token: str
    spec: JobSpec
    plan: Plan

    @classmethod
    def of(cls, job: Job) -> "Claim":
        """From a row whose lease is ours."""
        assert job.lease_token is not None, "a claimed job has a token"
        return cls(job.id, job.lease_token, JobSpec.from_json(job.spec), Plan.from_json(job.plan))


def row_of(trial: Trial) -> Row:
    """What the search sees of a trial."""
    return Row(
        number=trial.number,
        kind=trial.kind,
        configuration=Configuration.from_json(trial.configuration),
        seed=trial.seed,
        state=trial.state,
        reason=trial.reason,
        value=trial.value,
    )


def spec_of(spec: JobSpec, trial: Trial) -> TrialSpec:
    """What the training of a trial is told; only final runs touch the test split."""
    return TrialSpec(
        model=Named(spec.model.name, dict(spec.model.arguments)),
        dataset=Named(spec.dataset.name, dict(spec.dataset.arguments)),
        training=dict(spec.training),
        configuration=Configuration.from_json(trial.configuration),
        scope=spec.scope,
        nonlinearity=spec.nonlinearity,
        seed=trial.seed,
        evaluate_test=trial.kind in ("baseline", "confirm"),
    )
