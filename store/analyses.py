"""What analysis reads of a job beside its curve: costs, masks' histories and the work of every attempt."""

from collections import defaultdict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from analysis.measurement import Cost, MaskHistory
from analysis.spending import Stretch, TrialWork
from sparseift.records import DENSE
from store.curves import IS_COMPLETE
from store.spending import ended_s
from store.tables import Attempt, Report, Trial


def costs(session: Session, job_id: str) -> dict[int, dict[Cost, float]]:
    """What each complete trial of the job costs, by the trial's id; what is not known is left out."""
    columns = {
        "forward_flops": Trial.forward_flops_per_sample,
        "executed_flops": Trial.executed_flops_per_sample,
        "training_flops": Trial.training_flops,
        "parameters": Trial.parameters,
        "nonzero_parameters": Trial.nonzero_parameters,
        "seconds": Trial.training_seconds,
    }
    names: tuple[Cost, ...] = (
        "forward_flops", "executed_flops", "training_flops", "parameters", "nonzero_parameters", "seconds",
    )  # fmt: skip
    query = select(Trial.id, *(columns[name] for name in names)).where(Trial.job_id == job_id, IS_COMPLETE)
    return {
        trial_id: {name: float(value) for name, value in zip(names, values, strict=True) if value is not None}
        for trial_id, *values in session.execute(query)
    }


def mask_histories(session: Session, job_id: str) -> list[MaskHistory]:
    """What the masks of the job's complete sparse trials did, by trial: mean churn of their updates, last ITOP.

    A report without an update since the one before has no churn, and is no part of the mean; of several updates between
    two reports the last one stands for all.
    """
    query = (
        select(
            Trial.id,
            Trial.family,
            Trial.sparsity,
            Trial.seed,
            Trial.value,
            func.avg(Report.churn),
            func.max(Report.itop),  # it never falls
        )
        .join(Attempt, Attempt.trial_id == Trial.id)
        .join(Report, Report.attempt_id == Attempt.id)
        .where(Trial.job_id == job_id, IS_COMPLETE, Trial.family != DENSE, Trial.value.is_not(None))
        .group_by(Trial.id, Trial.family, Trial.sparsity, Trial.seed, Trial.value)
        .order_by(Trial.id)
    )
    return [MaskHistory(*row) for row in session.execute(query)]


def work(session: Session, job_id: str) -> list[TrialWork]:
    """Every trial of the job as it was trained, by number, in two queries."""
    stretches: dict[int, list[Stretch]] = defaultdict(list)
    reported = (
        select(
            Attempt.trial_id,
            Attempt.number,
            func.min(Report.step),
            func.max(Report.step),
            func.coalesce(func.min(Report.training_flops), 0.0),
            func.coalesce(func.max(Report.training_flops), 0.0),
            func.max(ended_s() - Attempt.started_at_s),
        )
        .join(Trial, Trial.id == Attempt.trial_id)
        .outerjoin(Report, Report.attempt_id == Attempt.id)
        .where(Trial.job_id == job_id)
        .group_by(Attempt.trial_id, Attempt.number)
        .order_by(Attempt.trial_id, Attempt.number)
    )
    for trial_id, number, first_step, last_step, first_flops, flops, seconds in session.execute(reported):
        stretches[trial_id].append(Stretch(number, first_step, last_step, first_flops, flops, seconds))
    query = (
        select(
            Trial.id,
            Trial.state,
            Trial.kind,
            Trial.family,
            Trial.training_flops,
            Trial.executed_flops_per_sample,
        )
        .where(Trial.job_id == job_id)
        .order_by(Trial.number)
    )
    return [
        TrialWork(state, kind, family, flops, executed, tuple(stretches[trial_id]))
        for trial_id, state, kind, family, flops, executed in session.execute(query)
    ]
