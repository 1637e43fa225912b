"""How a job's runs went, for its report: a query each, whose rows do not grow with the number of trials."""

from collections import Counter

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from analysis.report.runs import Environment, Loss, Outcome
from store.tables import Attempt, Trial

# Facts of an attempt's environment; its trial's specification, which stands there too, differs from trial to trial.
FACTS = (
    "sparseift", "git_commit", "python", "torch", "numpy", "optuna", "platform", "host", "device", "device_model",
    "cuda", "threads",
)  # fmt: skip


def outcomes(session: Session, job_id: str) -> tuple[Outcome, ...]:
    """The job's trials by kind, family, state and reason."""
    shared = (Trial.kind, Trial.family, Trial.state, Trial.reason)
    query = (
        select(*shared, func.count(), func.min(Trial.number), func.min(Trial.message))
        .where(Trial.job_id == job_id)
        .group_by(*shared)
        .order_by(*shared)
    )
    return tuple(Outcome(*row) for row in session.execute(query))


def losses(session: Session, job_id: str) -> tuple[Loss, ...]:
    """The job's attempts that ended otherwise than by finishing or in good order."""
    shared = (Attempt.state, Attempt.failure_class)
    query = (
        select(*shared, func.count(), func.min(Attempt.message))
        .join(Trial)
        .where(Trial.job_id == job_id, Attempt.state.in_(("lost", "failed")))
        .group_by(*shared)
        .order_by(*shared)
    )
    return tuple(Loss(*row) for row in session.execute(query))


def environments(session: Session, job_id: str) -> tuple[Environment, ...]:
    """What the job's attempts ran in, the most frequent first; devices of one kind ("cpu:0", "cpu:1") are one."""
    facts = [Attempt.environment[name].as_string() for name in FACTS]
    query = select(*facts, func.count()).join(Trial).where(Trial.job_id == job_id).group_by(*facts)
    found: Counter[tuple[tuple[str, str], ...]] = Counter()
    for *values, count in session.execute(query):
        known = {name: str(value) for name, value in zip(FACTS, values, strict=True) if value is not None}
        if "device" in known:
            known["device"] = known["device"].partition(":")[0]
        found[tuple(known.items())] += count
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Environment(dict(known), count) for known, count in ordered)
