"""A job as it is answered, with the ETag of what a user may change about it."""

from fastapi import Response
from sqlalchemy.orm import Session

from service import preconditions
from service.context import Context
from service.jobs import views
from service.jobs.schemas import JobView
from sparseift.records import digest
from store import jobs, labels, quotas, rows, slots
from store.tables import Job


def shown(here: Context, job_id: str, response: Response | None = None) -> JobView:
    """The job as it is now: what was written is committed, and no lock is held while statistics are computed.

    Args:
        response: is given the ETag.
    """
    with here.database.read() as session:
        job = jobs.get(session, job_id)
        labelled = labels.of(session, [job_id])[job_id]
        facts = here.facts.get(session, job)
        view = views.view(
            job,
            here.curves.get(session, job),
            facts.latest,
            labelled=labelled,
            spent=facts.spent,
            seconds=facts.seconds,
            slots=facts.slots,
            quarantined=slots.quarantined(session, project=job.project),
            waiting_for=_held(session, job),
            conditions=here.conditions.get(session, job),
        )
    if response is not None:
        response.headers["ETag"] = etag(job, labelled)
    return view


def _held(session: Session, job: Job) -> str | None:
    if job.lease_token is not None:
        return None
    hold = quotas.holding(session, job.state, job.project, job.owner)
    return hold.message if hold else None


def etag(job: Job, labelled: dict[str, str]) -> str:
    """Names what a user may change about a job: two users who edit notice each other, and progress disturbs neither."""
    changeable = [job.id, job.name, labelled, job.priority, job.archived_at_s, job.spec["budget"]]
    return f'"{digest(changeable, 24)}"'


def require_match(session: Session, job_id: str, if_match: str | None) -> None:
    """Hold the job against an `If-Match`, and it until the transaction's end: nobody changes it in between.

    Raises:
        Refused: it is another one than the client has read. NotFound: there is none.
    """
    if if_match is not None:
        job = rows.lock_job(session, job_id)
        preconditions.require(if_match, etag(job, labels.of(session, [job_id])[job_id]), "job", state=job.state)
