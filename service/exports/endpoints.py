"""/v1/jobs/{job}/trials/export and /reports/export: all rows of a job in one streamed file."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from service import negotiation, problems
from service.context import Context, Here
from service.exports import formats
from service.exports.streaming import Held
from service.identifiers import JobId
from store import exports, jobs

router = APIRouter(prefix="/v1/jobs/{job}", tags=["exports"])

Format = Annotated[
    Literal["csv", "parquet"] | None,
    Query(alias="format", description="Goes before the `Accept` header; csv where neither is given."),
]
Rows = Callable[[Session, str, Mapping[str, str]], Iterator[list[exports.Row]]]
RESPONSES: dict[int | str, dict[str, Any]] = {
    **problems.documented("not-found", "invalid-request", "not-acceptable", "format-unavailable", "too-many-streams"),
    200: {
        "description": "The file; it breaks off where the service fails midway.",
        "content": {name: {"schema": {"type": "string"}} for name in formats.MEDIA_TYPES.values()},
    },
}


@router.get(
    "/trials/export", response_class=StreamingResponse, summary="All trials of a job as a file", responses=RESPONSES
)
def export_trials(here: Here, request: Request, job: JobId, form: Format = None) -> StreamingResponse:
    """A row per trial by number, the configuration's fields as columns, from one snapshot of the database."""
    return exported(here, request, job, form, "trials", exports.TRIALS, exports.trials)


@router.get(
    "/reports/export", response_class=StreamingResponse, summary="All reports of a job as a file", responses=RESPONSES
)
def export_reports(here: Here, request: Request, job: JobId, form: Format = None) -> StreamingResponse:
    """A row per report by trial, attempt and step. A later attempt of a trial goes on from a checkpoint and repeats
    the steps after it; where both are there, the higher attempt counts.
    """
    return exported(here, request, job, form, "reports", exports.REPORTS, exports.reports)


def exported(
    here: Context, request: Request, job_id: str, form: str | None, noun: str, columns: formats.Columns, rows: Rows
) -> StreamingResponse:
    """The file as it is read; one of few at a time, since each holds a connection to the database until its end."""
    if form is None:
        media_type = negotiation.choose(request.headers.get("accept"), list(formats.MEDIA_TYPES.values()))
        form = next(name for name, known in formats.MEDIA_TYPES.items() if known == media_type)
    write = formats.writer(form)
    with here.database.read() as session:
        metric = jobs.get(session, job_id).plan["metric"]
    if not here.exports.acquire():
        raise problems.Refused(
            "too-many-streams", "As many exports as may be are being written already, or your share of them; try again."
        )

    def text() -> Iterator[bytes]:
        with here.database.read() as session:
            yield from write(columns, rows(session, job_id, metric))

    headers = {"Content-Disposition": f'attachment; filename="{job_id}-{noun}.{form}"'}
    return Held(text(), here.exports, formats.MEDIA_TYPES[form], headers, here.settings.export_s)
