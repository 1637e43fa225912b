"""From rows to the records that the search and the training understand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.orm import Session

from sparseift.records import Configuration, JobSpec, Named, Plan, TrialSpec
from store import attempts, jobs, trials
from store.errors import NotFound
from store.tables import Job, Trial
from worker.pruning import Bar, bar_for
from worker.search import Row
from worker.transfer import Earlier, starts


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


def earlier_of(job: Job, known: Sequence[Trial]) -> Earlier:
    """A job that another one starts from."""
    return Earlier(JobSpec.from_json(job.spec), Plan.from_json(job.plan), [row_of(trial) for trial in known])


def starts_of(session: Session, job: Job) -> dict[str, tuple[Configuration, ...]]:
    """What the job's families propose first, by the jobs that it starts from as they were when it was submitted.

    What those have measured since, having been extended, does not count: a worker that takes this job over must
    propose what the one before it would have. One that is gone hands nothing on; it cannot be deleted before this job
    has ended, so only an extension may miss it.
    """
    spec = JobSpec.from_json(job.spec)
    earlier: list[Earlier] = []
    for origin in spec.start_from:
        try:
            found = jobs.get(session, origin)
        except NotFound:
            continue
        known = trials.all_of(session, origin)
        then = [t for t in known if t.ended_at_s is not None and t.ended_at_s <= job.created_at_s]
        earlier.append(earlier_of(found, then))
    return starts(spec, Plan.from_json(job.plan), earlier)


def bar_of(session: Session, claim: Claim, trial: Trial) -> Bar | None:
    """What a trial of the job is held against while it trains, where the job asks for early stopping."""
    if trial.kind != "search" or claim.spec.budget.early_stopping == "none":
        return None
    rows = [row_of(known) for known in trials.all_of(session, claim.job_id)]
    courses = attempts.courses(session, claim.job_id, trial.family)
    return bar_for(claim.spec, claim.plan, rows, courses, trial.number)


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
