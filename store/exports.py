"""Everything a job has measured, for other programs: one query each, streamed, in constant memory.

A unit stands in every column's name, or beside it: `value` and `test_value` are in `metric_unit`. Times are seconds
since 1970 by the database's clock.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from store.tables import Attempt, Report, Trial

Kind = Literal["text", "integer", "number", "time"]
BATCH = 1000  # rows held at once

SAME_OF_TRIAL: dict[str, Kind] = {  # columns as they are stored
    "number": "integer",
    "kind": "text",
    "family": "text",
    "configuration_key": "text",
    "sparsity": "number",
    "scale": "text",
    "seed": "integer",
    "state": "text",
    "reason": "text",
    "message": "text",
    "value": "number",
    "test_value": "number",
    "forward_flops_per_sample": "integer",
    "executed_flops_per_sample": "integer",
    "flop_ratio": "number",
    "training_flops": "number",
    "parameters": "integer",
    "nonzero_parameters": "integer",
    "training_seconds": "number",
    "created_at_s": "time",
    "ended_at_s": "time",
}
OF_SCHEDULE: dict[str, Kind] = {  # of the configuration's mask schedule; empty where its method does not use them
    "method": "text",
    "distribution": "text",
    "delta_t_steps": "integer",
    "drop_fraction": "number",
    "anneal": "text",
    "t_end_fraction": "number",
    "structure": "text",
    "gradient_steps": "integer",
}
OF_METRIC = ("name", "unit", "direction")

TRIALS: dict[str, Kind] = {
    "job_id": "text",
    **SAME_OF_TRIAL,
    "nominal_sparsity": "number",
    "flop_multiple": "number",
    **OF_SCHEDULE,
    "metric_name": "text",
    "metric_unit": "text",
    "metric_direction": "text",
}
REPORTS: dict[str, Kind] = {
    "job_id": "text",
    "trial_number": "integer",
    "attempt_number": "integer",
    "step": "integer",
    "total_steps": "integer",
    "train_loss_nats": "number",
    "value": "number",
    "training_flops": "number",
    "sparsity": "number",
    "churn": "number",
    "itop": "number",
    "seconds": "number",
    "metric_name": "text",
    "metric_unit": "text",
    "metric_direction": "text",
}

Row = Sequence[Any]


def trials(session: Session, job_id: str, metric: Mapping[str, str]) -> Iterator[list[Row]]:
    """A job's trials by number, in batches; columns as in `TRIALS`.

    Args:
        metric: the job's, which its rows are told in.
    """
    query = select(*(getattr(Trial, name) for name in SAME_OF_TRIAL), Trial.configuration)
    query = query.where(Trial.job_id == job_id).order_by(Trial.number)
    tail = tuple(metric[name] for name in OF_METRIC)
    for batch in _batches(session, query):
        yield [(job_id, *row[:-1], *flat(row[-1]), *tail) for row in batch]


def reports(session: Session, job_id: str, metric: Mapping[str, str]) -> Iterator[list[Row]]:
    """All that a job's attempts have reported, by trial, attempt and step; columns as in `REPORTS`.

    An attempt that went on from a checkpoint repeats the steps after it: the one with the higher number counts.
    """
    query = (
        select(
            Trial.number,
            Attempt.number,
            Report.step,
            Report.total_steps,
            Report.train_loss,
            Report.value,
            Report.training_flops,
            Report.sparsity,
            Report.churn,
            Report.itop,
            Report.seconds,
        )
        .join(Attempt, Attempt.trial_id == Trial.id)
        .join(Report, Report.attempt_id == Attempt.id)
        .where(Trial.job_id == job_id)
        .order_by(Trial.number, Attempt.number, Report.step)
    )
    tail = tuple(metric[name] for name in OF_METRIC)
    for batch in _batches(session, query):
        yield [(job_id, *row, *tail) for row in batch]


def flat(configuration: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values of "nominal_sparsity", "flop_multiple" and `OF_SCHEDULE`."""
    schedule = configuration.get("schedule") or {}
    head = configuration["nominal_sparsity"], configuration.get("flop_multiple", 1.0)
    return *head, *(schedule.get(name) for name in OF_SCHEDULE)


def _batches(session: Session, query: Select[*tuple[Any, ...]]) -> Iterator[Sequence[Row]]:
    yield from session.execute(query, execution_options={"yield_per": BATCH}).partitions()
