"""/v1/jobs/{job}:verb: pause, resume, stop, cancel, extend, prioritize, archive, unarchive, clone."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import Field, StrictInt, ValidationError

from service import problems
from service.access.viewer import Seen
from service.context import Context, Here
from service.identifiers import JobId
from service.jobs.bodies import Body as RequestBody
from service.jobs.job_body import JobBody, Limits, Priority
from service.jobs.schemas import DryRun, JobView
from service.jobs.showing import require_match, shown
from service.jobs.submission import CREATED, DryRunFlag, Key, submit
from service.numbers import Whole
from service.preconditions import ETAG, IfMatch
from store import archive, jobs, labels, verbs

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

DEEPEST = 16  # objects within each other, of a clone's changes
REFUSALS = problems.documented("not-found", "state-conflict", "invalid-request")
CHANGED: dict[int | str, dict[str, Any]] = {  # of what `If-Match` guards
    **REFUSALS, **problems.documented("stale-etag"), 200: {"headers": ETAG},
}  # fmt: skip
CREATION = problems.documented(
    "not-found", "invalid-request", "unknown-name", "infeasible", "nothing-to-transform", "idempotency-conflict",
    "malformed-body", "body-too-large", "planner-unavailable", "other-project", "quota-exceeded",
)  # fmt: skip
CHANGES: Any = {
    "seed": {"summary": "The same with another seed", "value": {"seed": 1}},
    "family": {
        "summary": "One family, dense's larger models too",
        "value": {"families": ["sparse_wide"], "ladder": [2]},
    },
}
OnPause = Annotated[
    Literal["finish", "hand_back"], Query(description="Running trials finish, or save a checkpoint and wait.")
]
OnStop = Annotated[Literal["finish", "stop"], Query(description="Running search trials finish, or are ended now.")]


class Extension(RequestBody, Limits):
    """New totals for some of a budget's fields, none below what it is now; null takes a limit away."""

    # A job always has these two: they may be left out, but not be null.
    search_trials: Annotated[StrictInt, Field(ge=1, le=100_000), Whole] = Field(default=None)  # type: ignore[assignment]
    confirm_seeds: Annotated[StrictInt, Field(ge=1, le=64), Whole] = Field(default=None)  # type: ignore[assignment]


class PriorityBody(RequestBody):
    """A place in the queue."""

    priority: Priority


@router.post("/{job}:pause", response_model=JobView, summary="Pause a job", responses=REFUSALS)
def pause_job(here: Here, job: JobId, running: OnPause = "finish") -> JobView:
    """Starts nothing new and frees its slots; survives the death of every worker. Pausing again changes nothing,
    but `running=hand_back` after `finish` hands back what still runs.
    """
    with here.database.write() as session:
        verbs.pause(session, job, running)
    return shown(here, job)


@router.post("/{job}:resume", response_model=JobView, summary="Resume a paused job", responses=REFUSALS)
def resume_job(here: Here, job: JobId) -> JobView:
    """Goes on where it was paused, as soon as a worker is free. A job that is not paused stays as it is."""
    with here.database.write() as session:
        verbs.resume(session, job)
    return shown(here, job)


@router.post(
    "/{job}:stop", response_model=JobView, summary="End a search early, keeping its results", responses=REFUSALS
)
def stop_job(here: Here, job: JobId, running: OnStop = "finish") -> JobView:
    """No new search trials; the best of what is measured is confirmed on fresh seeds, and the job succeeds with the
    reason `stopped`. A job that has not begun is cancelled.
    """
    with here.database.write() as session:
        verbs.stop(session, job, running)
    return shown(here, job)


@router.post("/{job}:cancel", response_model=JobView, summary="Cancel a job", responses=REFUSALS)
def cancel_job(here: Here, job: JobId) -> JobView:
    """Ends running trials now. A job that has not begun is cancelled at once, another is `stopping` until its trials
    have ended; asking again changes nothing, and a job that has ended otherwise is a conflict.
    """
    with here.database.write() as session:
        verbs.cancel(session, job)
    return shown(here, job)


@router.post(
    "/{job}:extend",
    response_model=JobView,
    summary="Extend a job's budget",
    responses=CHANGED | problems.documented("quota-exceeded"),
)
def extend_job(here: Here, job: JobId, response: Response, totals: Extension, if_match: IfMatch = None) -> JobView:
    """Goes on from the job's trials as if it had been submitted with the larger budget; one that succeeded or failed
    is queued again. The totals are absolute, so the request can be sent again.
    """
    with here.database.write() as session:
        require_match(session, job, if_match)
        verbs.extend(session, job, totals.model_dump(exclude_unset=True))
    return shown(here, job, response)


@router.post("/{job}:prioritize", response_model=JobView, summary="Move a job in the queue", responses=CHANGED)
def prioritize_job(
    here: Here, job: JobId, response: Response, wanted: PriorityBody, if_match: IfMatch = None
) -> JobView:
    """Workers take higher priorities first, then older jobs; one that a worker drives already keeps it."""
    with here.database.write() as session:
        require_match(session, job, if_match)
        verbs.prioritize(session, job, wanted.priority)
    return shown(here, job, response)


@router.post("/{job}:archive", response_model=JobView, summary="Put an ended job away", responses=CHANGED)
def archive_job(here: Here, job: JobId, response: Response, if_match: IfMatch = None) -> JobView:
    """Lists leave it out unless they are asked for it; nothing of it is deleted. Extending it brings it back."""
    with here.database.write() as session:
        require_match(session, job, if_match)
        archive.archive(session, job)
    return shown(here, job, response)


@router.post("/{job}:unarchive", response_model=JobView, summary="Bring an archived job back", responses=CHANGED)
def unarchive_job(here: Here, job: JobId, response: Response, if_match: IfMatch = None) -> JobView:
    """Lists show it again."""
    with here.database.write() as session:
        require_match(session, job, if_match)
        archive.unarchive(session, job)
    return shown(here, job, response)


@router.post(
    "/{job}:clone",
    status_code=201,
    response_model=JobView,
    summary="Submit a job again, with changes",
    responses={
        **CREATION,
        200: {
            "description": "A dry run's plan, or the clone of this key.",
            "model": JobView | DryRun,
            "headers": CREATED,
        },
        201: {"headers": CREATED},
    },
)
async def clone_job(
    here: Here,
    viewer: Seen,
    response: Response,
    job: JobId,
    changes: Annotated[
        dict[str, Any], Body(openapi_examples=CHANGES, description="Laid over the job's specification (RFC 7396).")
    ] = {},  # noqa: B006
    dry_run: DryRunFlag = False,
    idempotency_key: Key = None,
) -> JobView | Response:
    """A new job from a stored specification, name, labels and project: fields that are given replace the old ones, null
    gives the default.
    """
    base = await run_in_threadpool(_specification, here, job)
    try:
        body = JobBody.model_validate(merged(base, changes))
    except ValidationError as error:
        located = [{**e, "loc": ("body", *e["loc"])} for e in error.errors()]
        raise RequestValidationError(located) from error
    return await submit(
        here, viewer, response, body, dry_run=dry_run, key=idempotency_key, cloned_from=job,
        request={"clone_of": job, "changes": changes},
    )  # fmt: skip


def _specification(here: Context, job: str) -> dict[str, Any]:
    """What the job would be submitted with to be the same again."""
    with here.database.read() as session:
        old = jobs.get(session, job)
        return {**old.spec, "name": old.name, "project": old.project, "labels": labels.of(session, [job])[job]}


def merged(old: Any, changes: Any, depth: int = 0) -> Any:
    """JSON Merge Patch: objects are merged field by field, null removes a field, anything else replaces it.

    Raises:
        Refused: deeper than any specification is.
    """
    if not isinstance(changes, dict):
        return changes
    if depth > DEEPEST:
        raise problems.invalid("body", f"it is nested deeper than {DEEPEST} objects; a job is not.")
    base = dict(old) if isinstance(old, dict) else {}
    for name, value in changes.items():
        if value is None:
            base.pop(name, None)
        else:
            base[name] = merged(base.get(name), value, depth + 1)
    return base
