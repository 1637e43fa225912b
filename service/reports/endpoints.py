"""/v1/jobs/{job}/report: the whole answer as one file to keep, send or print."""

import hashlib
from functools import partial
from typing import Annotated, Literal, get_args

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from service import negotiation, problems
from service.context import Context, Here
from service.curves.endpoints import IfNoneMatch, holds
from service.identifiers import JobId
from service.jobs.progress import TERMINAL
from service.reports.reading import read_material
from store import attempts, jobs, overview

router = APIRouter(prefix="/v1/jobs/{job}", tags=["reports"])

Format = Literal["html", "markdown"]
MEDIA_TYPES: dict[str, Format] = {"text/html": "html", "text/markdown": "markdown"}
SUFFIXES: dict[Format, str] = {"html": "html", "markdown": "md"}
# It has no script, and none may run in it; its style is its own.
POLICY = "sandbox allow-top-navigation-by-user-activation; default-src 'none'; style-src 'unsafe-inline'"
FormatChoice = Annotated[
    Format | None, Query(alias="format", description="Goes before the `Accept` header; html where neither is given.")
]


@router.get(
    "/report",
    response_class=HTMLResponse,
    summary="The report: one file with the answer, its limits and how to repeat it",
    responses={
        **problems.documented("not-found", "invalid-request", "not-acceptable", "renderer-busy"),
        200: {
            "description": "HTML without scripts that asks nobody for anything, or Markdown.",
            "headers": {"ETag": {"description": "Changes when the report does.", "schema": {"type": "string"}}},
            "content": {
                "text/html": {"schema": {"type": "string"}, "example": '<!doctype html>\n<html lang="en">…</html>'},
                "text/markdown": {
                    "schema": {"type": "string"},
                    "example": "# mlp on digits\n\n**Sparse Wide at 75 % sparsity: 0.80 points better than dense …**\n",
                },
            },
        },
        304: {"description": "The report is still the one of `If-None-Match`."},
    },
)
async def show_report(
    here: Here, request: Request, job: JobId, form: FormatChoice = None, if_none_match: IfNoneMatch = None
) -> Response:
    """Sentence, charts, tables, what ran and what did not, limits, environment, job file and citation, as of the
    job's last event; a job that is empty, unfinished or failed has one too, which says so.
    """
    wanted = form or MEDIA_TYPES[negotiation.choose(request.headers.get("accept"), list(MEDIA_TYPES))]
    name = f"{job}-report-{wanted}-{await run_in_threadpool(_basis, here, job)}"
    text = await here.rendering.draw(name, here.viewer, partial(_written, here, job, wanted))
    etag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept"}
    if holds(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = f'inline; filename="{job}.{SUFFIXES[wanted]}"'
    if wanted == "html":
        headers["Content-Security-Policy"] = POLICY
    media_type = next(name for name, known in MEDIA_TYPES.items() if known == wanted)
    return Response(text, media_type=f"{media_type}; charset=utf-8", headers=headers)


def _basis(here: Context, job: str) -> str:
    """Names what the report is written from: the job's events, and while it goes on what changes without one."""
    with here.database.read() as session:
        row = jobs.get(session, job)
        last = overview.last_event(session, job)
        if row.state in TERMINAL:
            return str(last)
        return f"{last}-{attempts.told_by_running(session, job)}-{here.curves.get(session, row).digest}"


def _written(here: Context, job: str, form: Format) -> bytes:
    """The report as of the job's last event, or of one since."""
    from analysis.report.html import html  # altair and the renderer: 2 s, for which no start should wait
    from analysis.report.markdown import markdown
    from analysis.report.sections import report

    with here.database.read() as session:
        row = jobs.get(session, job)
        document = report(read_material(session, row, here.curves.get(session, row).curve))
    return markdown(document).encode() if form == "markdown" else html(document).encode()


assert set(get_args(Format)) == set(MEDIA_TYPES.values())
