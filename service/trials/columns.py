"""All trials of a job as columns, or what has changed of them, and its newest attempts: what pages poll."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic_core import to_json

from service import problems
from service.context import Here
from service.curves.endpoints import IfNoneMatch, holds
from service.identifiers import JobId
from service.trials.schemas import TimelineView, TrialColumns
from store import jobs, overview, trial_columns

router = APIRouter(prefix="/v1/jobs/{job}/trials", tags=["trials"])

Since = Annotated[
    int, Query(ge=0, le=2**53, description="`last_event` of the answer before: what has changed since then alone.")
]
Newest = Annotated[int, Query(ge=1, le=10_000, description="Attempts shown at most.")]


@router.get(
    "/columns",
    response_model=TrialColumns,
    summary="All trials of a job as columns, or what has changed",
    responses=problems.documented("not-found", "invalid-request", "too-many-streams"),
)
def show_columns(here: Here, job: JobId, since: Since = 0) -> Response:
    """Keep the rows by `number` and ask again with `since`: a trial that is told of again replaces the one before."""
    with here.database.read() as session:
        jobs.get(session, job)
        last = overview.last_event(session, job)  # first: what is read next is as new or newer
        changed = trial_columns.changed(session, job, since)
        if changed is None and not here.tables.acquire():  # each holds all of a job's rows in memory
            raise problems.Refused(
                "too-many-streams", "As many jobs as may be are being read whole already, or your share of them."
            )
        try:
            found = trial_columns.read(session, job, changed)
            text = to_json({"last_event": last, "is_whole": changed is None, "columns": found})
        finally:
            if changed is None:
                here.tables.release()
    return Response(text, media_type="application/json")


@router.get(
    "/timeline",
    response_model=TimelineView,
    summary="What ran where: a job's newest attempts as columns",
    responses={
        **problems.documented("not-found", "invalid-request"),
        200: {"headers": {"ETag": {"description": "Changes when the answer does.", "schema": {"type": "string"}}}},
        304: {"description": "The answer is still the one of `If-None-Match`."},
    },
)
def show_timeline(here: Here, job: JobId, newest: Newest = 1500, if_none_match: IfNoneMatch = None) -> Response:
    """Oldest first; an attempt that runs has no end."""
    with here.database.read() as session:
        jobs.get(session, job)

        def fresh() -> bytes:
            return to_json({"columns": trial_columns.newest_attempts(session, job, newest)})

        question = (job, "timeline", str(newest))
        answer = here.analyses.get(question, overview.last_event(session, job), fresh)
    headers = {"ETag": f'"{answer.digest}"', "Cache-Control": "no-cache"}
    if holds(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(answer.text, media_type="application/json", headers=headers)
