"""What a worker would have written: a job with trials in every state that a test needs."""

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import DENSE, Configuration, JobSpec, Plan, Point
from store import attempts, jobs, trials
from store.tables import Attempt, Job, Trial
from tests.service.fakes import DENSE_POINT, METRIC, point
from tests.store.samples import RESULT, SPEC, progress, started

WIDE = point("sparse_wide", 0.5)
PARALLEL = point("sparse_parallel", 0.75)
REFUSED = point("sparse_doped", 0.9, feasible=False)
PLAN = Plan(METRIC, 100, 32, DENSE_POINT, (WIDE, PARALLEL, REFUSED), 1.92e8, 1_000_000)
THREE = replace(SPEC, families=("sparse_wide", "sparse_parallel", "sparse_doped"))


def submitted(session: Session, spec: JobSpec = THREE) -> Job:
    """A queued job."""
    return jobs.create(session, spec, PLAN)[0]


def claimed(session: Session, spec: JobSpec = THREE) -> Job:
    """A running job."""
    submitted(session, spec)
    job = jobs.claim(session, "w", 60.0)
    assert job is not None
    return job


def added(session: Session, job: Job, number: int, at: Point = WIDE, kind: str = "search", **values: Any) -> Trial:
    """A waiting trial, RigL at a point, or the dense baseline."""
    schedule = None if at.family == DENSE else MaskSchedule("rigl")
    configuration = Configuration(at.family, at.nominal_sparsity, schedule)
    given = {"configuration": configuration, "point": at, "seed": number, **values}
    return trials.add(session, job.id, job.lease_token or "", number=number, kind=kind, **given)


def begun(session: Session, job: Job, number: int, at: Point = WIDE, kind: str = "search", **values: Any) -> Attempt:
    """A running trial with two reports."""
    attempt = started(session, job, added(session, job, number, at, kind, **values))
    attempts.write_reports(session, attempt.id, attempt.token, [progress(10), progress(20, value=80.0)])
    return attempt


def completed(
    session: Session, job: Job, number: int, at: Point = WIDE, kind: str = "search", value: float = 91.5, **values: Any
) -> None:
    """A complete trial."""
    attempt = begun(session, job, number, at, kind, **values)
    test_value = None if kind == "search" else value - 1.0
    sparsity = 0.0 if at.family == DENSE else at.sparsity
    result = replace(RESULT, value=value, test_value=test_value, sparsity=sparsity)
    attempts.finish(session, attempt.id, attempt.token, result)


def half_done(session: Session) -> Job:
    """A running job: dense twice, two families, one refused point, one failed trial, one running."""
    job = claimed(session)
    added(session, job, 0, REFUSED, state="infeasible", reason="infeasible", message=REFUSED.reason)
    completed(session, job, 1, DENSE_POINT, "baseline", 90.0, seed=1)
    completed(session, job, 2, DENSE_POINT, "baseline", 90.4, seed=2)
    completed(session, job, 3, WIDE, value=91.0, seed=1)
    completed(session, job, 4, PARALLEL, value=90.5, seed=1)
    broken = begun(session, job, 5, WIDE, seed=2)
    attempts.fail(session, broken.id, broken.token, "diverged", "The loss is not finite.")
    begun(session, job, 6, PARALLEL, seed=2)
    return job


def over(session: Session) -> Job:
    """A job that succeeded, with confirmed answers."""
    job = claimed(session)
    for i, value in enumerate((90.0, 90.2)):
        completed(session, job, i, DENSE_POINT, "baseline", value, seed=i)
    completed(session, job, 2, WIDE, value=91.4, seed=7)
    for i, value in enumerate((91.1, 91.2)):
        completed(session, job, 3 + i, WIDE, "confirm", value, seed=i)
    jobs.finish(session, job.id, job.lease_token or "", "succeeded", "done", "Every trial has ended.")
    return job
