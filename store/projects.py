"""Projects: names on jobs and tokens. A job is visible to its project's tokens and to those of every project."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.errors import NotFound
from store.tables import Job

DEFAULT = "default"


def require(session: Session, job_ids: Iterable[str], project: str | None) -> None:
    """Hold jobs against a project; None sees all of them that there are.

    Raises:
        NotFound: the first that is not there or is another project's; which of the two is not told.
    """
    asked = list(dict.fromkeys(job_ids))
    query = select(Job.id).where(Job.id.in_(asked))
    seen = set(session.scalars(query if project is None else query.where(Job.project == project)))
    for job_id in asked:
        if job_id not in seen:
            raise NotFound(f"There is no job '{job_id}'.")
