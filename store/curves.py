"""What analysis reads of a job, in one query that an index answers alone."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, func, literal_column, select
from sqlalchemy.orm import Session

from analysis.measurement import Measurement
from store.tables import Trial

IS_COMPLETE = Trial.state == literal_column("'complete'")  # the index's predicate: a bound value would not match it

FEW = 200  # rows that are fetched by their ids rather than with all others


def query(job_id: str) -> Select[*tuple[Any, ...]]:
    """The complete trials of a job in the index's order; columns are the fields of `Measurement`, in order."""
    columns = (
        Trial.family,
        Trial.configuration_key,
        Trial.sparsity,
        Trial.kind,
        Trial.seed,
        Trial.value,
        Trial.test_value,
        Trial.flop_ratio,
        Trial.training_flops,
        Trial.id,
    )
    return select(*columns).where(Trial.job_id == job_id, IS_COMPLETE).order_by(*columns)


def measurements(session: Session, job_id: str) -> list[Measurement]:
    """The job's complete trials by family, configuration, sparsity, kind and seed; none for an unknown job."""
    return [Measurement(*row) for row in session.execute(query(job_id))]


def configurations(session: Session, job_id: str, wanted: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """Canonical configurations of the job's complete trials by key; of many, perhaps more than were wanted.

    Args:
        wanted: keys, each with a complete trial that has this configuration.
    """
    if not wanted:
        return {}
    ids = select(func.min(Trial.id)).where(Trial.job_id == job_id, IS_COMPLETE).group_by(Trial.configuration_key)
    chosen = Trial.id.in_(list(wanted.values())) if len(wanted) <= FEW else Trial.id.in_(ids)
    return dict(session.execute(select(Trial.configuration_key, Trial.configuration).where(chosen)).all())
