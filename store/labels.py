"""Words that users put on jobs, and the name they give them: nothing a search depends on."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from sparseift.errors import InvalidValue
from store import events
from store.rows import lock_job
from store.tables import Job, Label

MOST = 32  # labels of a job


def of(session: Session, job_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """The labels of several jobs at once, by key; a job without any has an empty entry."""
    found: dict[str, dict[str, str]] = {job_id: {} for job_id in job_ids}
    for label in session.scalars(select(Label).where(Label.job_id.in_(job_ids)).order_by(Label.key)):
        found[label.job_id][label.key] = label.value
    return found


def put(session: Session, job_id: str, labels: Mapping[str, str]) -> None:
    """Label a job that has none yet."""
    if labels:
        rows = [{"job_id": job_id, "key": key, "value": value} for key, value in labels.items()]
        session.execute(insert(Label), rows)


def change(
    session: Session, job_id: str, *, name: str | None = None, labels: Mapping[str, str | None] | None = None
) -> Job:
    """Rename a job, and lay labels over those it has: a value replaces, None removes.

    Raises:
        NotFound: there is no such job.
        InvalidValue: more than `MOST` labels.
    """
    job = lock_job(session, job_id)
    before = of(session, [job_id])[job_id]
    after = {**before, **(labels or {})}
    kept = {key: value for key, value in after.items() if value is not None}
    if len(kept) > MOST:
        raise InvalidValue(f"A job cannot have {len(kept)} labels; it may have {MOST}.")
    if kept == before and name in (None, job.name):
        return job
    session.execute(delete(Label).where(Label.job_id == job_id))
    put(session, job_id, kept)
    if name is not None:
        job = session.scalars(update(Job).where(Job.id == job_id).values(name=name).returning(Job)).one()
    events.append(session, job_id, "job.changed", {"state": job.state, "name": job.name, "labels": kept})
    return job
