"""/v1/jobs/{job}/trials: a job's trials, page by page, and one with its course and its output."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.concurrency import run_in_threadpool

from service import pages, problems
from service.context import Context, Here
from service.events.endpoints import Held
from service.identifiers import JobId, TrialNumber
from service.trials import logs, views
from service.trials.schemas import LogPiece, MetricSeries, TrialDetail, TrialKind, TrialPage, TrialState
from store import attempts, jobs, overview, trial_listing, trials
from store.errors import NotFound
from store.tables import Attempt

router = APIRouter(prefix="/v1/jobs/{job}/trials", tags=["trials"])

Sort = Literal["number", "-number", "value", "-value", "ended"]
SHAPES: dict[Sort, tuple[type | str, ...]] = {  # of a place in each of `trial_listing.ORDERS`
    "number": (int,),
    "-number": (int,),
    "value": (int, float, int),
    "-value": (int, float, int),
    "ended": (int, float, int),
}
Family = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Of this family alone.")]
Key = Annotated[
    str | None, Query(min_length=1, max_length=64, description="Of the configuration with this key, whatever the seed.")
]
Fraction = Annotated[
    float | None, Query(ge=0.0, le=1.0, allow_inf_nan=False, description="Of masked weights, inclusive.")
]
Thinned = Annotated[int, Query(ge=2, le=10_000, description="Reports shown at most.")]


@router.get(
    "",
    response_model=TrialPage,
    summary="List a job's trials",
    responses=problems.documented("not-found", "invalid-request"),
)
def list_trials(
    here: Here,
    job: JobId,
    limit: pages.Limit = 100,
    page_token: pages.PageToken = None,
    sort: Annotated[
        Sort, Query(description="`-` turns an order round; trials without a value, or an end, come last either way.")
    ] = "number",
    state: Annotated[
        list[TrialState] | None, Query(max_length=7, description="In one of these states; may be repeated.")
    ] = None,
    kind: Annotated[
        list[TrialKind] | None, Query(max_length=4, description="Of one of these kinds; may be repeated.")
    ] = None,
    family: Family = None,
    min_sparsity: Fraction = None,
    max_sparsity: Fraction = None,
    configuration: Key = None,
) -> TrialPage:
    """Filters hold together. Pages neither skip nor repeat a trial while others are added; one that ends meanwhile
    may move, where the order is `value` or `ended`. A token continues the list as it was asked for.
    """
    wanted = trial_listing.Wanted(
        tuple(state or ()), tuple(kind or ()), family, min_sparsity, max_sparsity, configuration
    )
    asked = {
        "job": job, "sort": sort, "state": sorted(wanted.states), "kind": sorted(wanted.kinds), "family": family,
        "min_sparsity": min_sparsity, "max_sparsity": max_sparsity, "configuration": configuration,
    }  # fmt: skip
    pager = pages.Listing("trials", asked)
    seen = pager.place(page_token, SHAPES[sort])
    with here.database.read() as session:
        jobs.get(session, job)
        rows = trial_listing.page(session, job, wanted, sort=sort, seen=seen, limit=limit + 1)
    found, last = pages.cut(rows, limit)
    return TrialPage(
        items=[views.view(t) for t in found],
        next_page_token=pager.token(trial_listing.place(last, sort)) if last else None,
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
    if not here.streams.acquire():
        raise problems.Refused(
            "too-many-streams", f"{here.settings.event_streams} streams are open already; read pieces, or try again."
        )
    return Held(_grow(here, job, number, found.number, path, offset), here.streams, "text/plain; charset=utf-8")


def _attempt(here: Context, job: str, number: int, wanted: int | None) -> Attempt:
    with here.database.read() as session:
        jobs.get(session, job)
        trial = trials.get(session, job, number)
        known = overview.attempts_of(session, trial.id)
    for found in reversed(known):
        if wanted in (None, found.number):
            return found
    if known:
        sentence = f"Trial {number} has no attempt {wanted}; it had {len(known)}."
    elif trial.state == "waiting":
        sentence = f"Trial {number} waits for its first attempt."
    else:
        sentence = f"Trial {number} is {trial.state} and never had an attempt: it has no output."
    raise problems.Refused("not-found", sentence)


async def _grow(here: Context, job: str, number: int, attempt: int, path: Path, offset: int) -> AsyncIterator[str]:
    while not here.stopping():
        # the state before the text: what an attempt wrote before it ended is then in the file
        try:
            ended = (await run_in_threadpool(_attempt, here, job, number, attempt)).state != "running"
        except NotFound:
            return  # the job was deleted meanwhile
        piece = await run_in_threadpool(logs.read, path, offset)
        if piece.text:
            yield piece.text
        elif ended:
            return
        else:
            await asyncio.sleep(here.settings.event_poll_s)
        offset = piece.next_offset
