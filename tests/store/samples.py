"""A small job and the steps that bring one to where a test begins."""

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import (
    DENSE,
    Budget,
    Configuration,
    JobSpec,
    Metric,
    Named,
    Plan,
    Point,
    Progress,
    TrialResult,
)
from store import attempts, jobs, trials
from store.tables import Attempt, Job, Trial

TTL_S = 60.0
SPEC = JobSpec("digits", Named("mlp", {"width": 64}), Named("digits"), ("sparse_wide",), budget=Budget(4, 2), seed=7)
DENSE_POINT = Point(DENSE, 0.0, True, "", 0.0, "width 64", 20_000, 20_000, 1.0, 10_000, 10_000)
WIDE_POINT = Point(
    "sparse_wide", 0.5, True, "", 0.5012, "width 90 (k = 1.406)", 19_999, 40_000, 0.99995, 20_000, 10_000
)
PLAN = Plan(Metric("accuracy", "%", "maximize"), 100, 32, DENSE_POINT, (WIDE_POINT,), 1.92e8, 1_000_000)
WIDE = Configuration("sparse_wide", 0.5, MaskSchedule("rigl"))
RESULT = TrialResult(
    value=91.5,
    test_value=90.25,
    forward_flops=19_998,
    executed_flops=39_999,
    flop_ratio=0.9999,
    training_flops=1.9e8,
    sparsity=0.5013,
    parameters=20_001,
    nonzero_parameters=10_001,
    seconds=12.5,
)


def progress(step: int, **values: Any) -> Progress:
    """A report at a step."""
    return replace(Progress(step, 100, 2.0, None, 1e6 * step, 0.5, None, None, 0.1 * step), **values)


def claimed(session: Session, spec: JobSpec = SPEC, ttl_s: float = TTL_S) -> tuple[Job, str]:
    """A running job and its lease token, owned by worker "w"."""
    jobs.create(session, spec, PLAN)
    job = jobs.claim(session, "w", ttl_s)
    assert job is not None
    assert job.lease_token is not None
    return job, job.lease_token


def waiting(session: Session, job: Job, number: int = 0, **values: Any) -> Trial:
    """A waiting trial of a claimed job."""
    given: dict[str, Any] = {
        "number": number,
        "kind": "search",
        "configuration": WIDE,
        "point": WIDE_POINT,
        "seed": 3,
        **values,
    }
    return trials.add(session, job.id, job.lease_token or "", **given)


def started(session: Session, job: Job, trial: Trial, ttl_s: float = TTL_S) -> Attempt:
    """A running attempt of a waiting trial."""
    return attempts.start(
        session,
        trial.id,
        job_token=job.lease_token or "",
        worker="w",
        slot="here/cpu:0",
        ttl_s=ttl_s,
        environment={"torch": "2"},
        log_path="logs/1.txt",
    )


def running(session: Session, ttl_s: float = TTL_S) -> tuple[Job, Trial, Attempt]:
    """A running job with one running trial."""
    job, _ = claimed(session)
    trial = waiting(session, job)
    attempt = started(session, job, trial, ttl_s)
    return job, trial, attempt
