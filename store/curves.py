"""What analysis reads of a job, in one query that an index answers alone."""

from typing import Any

from sqlalchemy import Select, literal_column, select
from sqlalchemy.orm import Session

from analysis.measurement import Measurement
from store.tables import Trial

IS_COMPLETE = Trial.state == literal_column("'complete'")  # the index's predicate: a bound value would not match it


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
