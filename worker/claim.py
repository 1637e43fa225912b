"""From rows to the records that the search and the training understand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sparseift.records import Configuration, JobSpec, Named, Plan, TrialSpec
from store.tables import Job, Trial
from worker.search import Row
from worker.transfer import Earlier


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker holds the lease of, as its row last was.

    Attributes:
        asked: the specification as it is stored; a user may extend it at any time.
        state, wanted, search_closed: of `store.tables.Job`.
        starts: what families propose first (`worker.transfer.starts`).
    """

    job_id: str
    token: str
    asked: dict[str, Any]
    spec: JobSpec
    plan: Plan
    state: str
    wanted: str | None
    search_closed: str
    starts: Mapping[str, Sequence[Configuration]] = field(default_factory=dict)

    @classmethod
    def of(cls, job: Job) -> "Claim":
        """From a row whose lease is ours."""
        assert job.lease_token is not None, "a claimed job has a token"
        spec, plan = JobSpec.from_json(job.spec), Plan.from_json(job.plan)
        return cls(job.id, job.lease_token, job.spec, spec, plan, job.state, job.wanted, job.search_closed)

    def renewed(self, job: Job) -> "Claim":
        """The same claim, as the row is now."""
        spec = self.spec if job.spec == self.asked else JobSpec.from_json(job.spec)
        return replace(
            self, asked=job.spec, spec=spec, state=job.state, wanted=job.wanted, search_closed=job.search_closed
        )


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


def earlier_of(job: Job, trials: Sequence[Trial]) -> Earlier:
    """A job that another one starts from."""
    return Earlier(JobSpec.from_json(job.spec), Plan.from_json(job.plan), [row_of(trial) for trial in trials])


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
        evaluate_test=trial.kind in ("baseline", "confirm", "ladder"),
    )
