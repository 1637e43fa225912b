"""/v1/jobs/{job}/trials: a job's trials, page by page, and one with its course and its output."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool

from service import pages, problems
from service.context import Context, Here
from service.events.endpoints import Held
from service.identifiers import JobId, TrialNumber
from service.trials import logs, views
from service.trials.schemas import LogPiece, MetricSeries, TrialDetail, TrialPage, TrialState
from store import attempts, jobs, overview, trials
from store.tables import Attempt

router = APIRouter(prefix="/v1/jobs/{job}/trials", tags=["trials"])

Family = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Of this family alone.")]
Thinned = Annotated[int, Query(ge=2, le=10_000, description="Reports shown at most.")]


@router.get(
    "",
    response_model=TrialPage,
    summary="List a job's trials by number",
    responses=problems.documented("not-found", "invalid-request"),
)
def list_trials(
    here: Here,
    job: JobId,
    limit: pages.Limit = 100,
    page_token: pages.PageToken = None,
    state: TrialState | None = None,
    family: Family = None,
) -> TrialPage:
    """Pages neither skip nor repeat a trial while others are added."""
    after = pages.key("trials", page_token, r"\d{1,10}")
    with here.database.read() as session:
        jobs.get(session, job)
        rows = trials.page(
            session,
            job,
            after=int(after) if after is not None else None,
            limit=limit + 1,
            state=state,
            family=family,
        )
    found, last = pages.cut(rows, limit)
    return TrialPage(
        items=[views.view(t) for t in found],
        next_page_token=pages.token("trials", last.number) if last else None,
    )


@router.get(
    "/{number}",
    response_model=TrialDetail,
    summary="Show a trial with its course",
    responses=problems.documented("not-found", "invalid-request"),
)
def show_trial(here: Here, job: JobId, number: TrialNumber, reports: Thinned = 500) -> TrialDetail:
    """Every attempt with its environment and log, the newest checkpoint, and the reports by step."""
    with here.database.read() as session:
        jobs.get(session, job)
        trial = trials.get(session, job, number)
        return views.detail(
            trial,
            overview.attempts_of(session, trial.id),
            attempts.reports(session, trial.id, reports),
            attempts.newest_checkpoint(session, trial.id),
        )


ALL_REPORTS = 1_000_000  # of one trial; thinning comes after
Points = Annotated[int, Query(ge=2, le=10_000, description="Of each measure at most.")]
AttemptNumber = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The newest, where none is given.")]
Offset = Annotated[int, Query(ge=-(2**53), le=2**53, description="Bytes from the beginning; negative: from the end.")]
Follow = Annotated[bool, Query(description="As plain text that grows until the attempt has ended.")]


@router.get(
    "/{number}/metrics",
    response_model=MetricSeries,
    summary="A trial's course, measure by measure",
    responses=problems.documented("not-found", "invalid-request"),
)
def show_metrics(here: Here, job: JobId, number: TrialNumber, points: Points = 200) -> MetricSeries:
    """Long courses are thinned by Largest Triangle Three Buckets, which keeps first, last, peaks and kinks."""
    with here.database.read() as session:
        jobs.get(session, job)
        trial = trials.get(session, job, number)
        return views.series(trial, attempts.reports(session, trial.id, ALL_REPORTS), points)


@router.get(
    "/{number}/log",
    response_model=LogPiece,
    summary="An attempt's output",
    responses={
        **problems.documented("not-found", "invalid-request", "log-unavailable", "too-many-streams"),
        200: {
            "description": "A piece; with `follow=true` plain text.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
    },
)
def show_log(
    here: Here,
    job: JobId,
    number: TrialNumber,
    attempt: AttemptNumber = None,
    offset: Offset = 0,
    follow: Follow = False,
) -> LogPiece | Response:
    """Up to 64 KiB from `offset` on, which ends at whole characters: ask again with `next_offset`."""
    found = _attempt(here, job, number, attempt)
    path = logs.located(here.settings.artifacts, found.log_path)
    if not follow:
        piece = logs.read(path, offset)
        fields: dict[str, Any] = {"text": piece.text, "next_offset": piece.next_offset, "size": piece.size}
        return LogPiece(attempt=found.number, ended=found.state != "running", **fields)
    if not here.streams.acquire(blocking=False):
        raise problems.Refused(
            "too-many-streams", f"{here.settings.event_streams} streams are open already; read pieces, or try again."
        )
    return Held(_grow(here, job, number, found.number, path, offset), here.streams, "text/plain; charset=utf-8")


def _attempt(here: Context, job: str, number: int, wanted: int | None) -> Attempt:
    with here.database.read() as session:
        jobs.get(session, job)
        known = overview.attempts_of(session, trials.get(session, job, number).id)
    for found in reversed(known):
        if wanted in (None, found.number):
            return found
    raise problems.Refused("not-found", f"Trial {number} has no attempt {wanted or 'yet'}; it had {len(known)}.")


async def _grow(here: Context, job: str, number: int, attempt: int, path: Path, offset: int) -> AsyncIterator[str]:
    while not here.stopping():
        # the state before the text: what an attempt wrote before it ended is then in the file
        ended = (await run_in_threadpool(_attempt, here, job, number, attempt)).state != "running"
        piece = await run_in_threadpool(logs.read, path, offset)
        if piece.text:
            yield piece.text
        elif ended:
            return
        else:
            await asyncio.sleep(here.settings.event_poll_s)
        offset = piece.next_offset
