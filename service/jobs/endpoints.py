"""/v1/jobs: submit, list, show, change, delete. What is asked of a job's course is in `service.jobs.verbs`."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Response

from service import pages, problems
from service.access.viewer import Seen
from service.context import Here
from service.examples import DEMO_JOB, DRY_RUN, SMALLEST_JOB
from service.identifiers import JOB_ID, JobId
from service.jobs import showing, views
from service.jobs.job_body import JobBody
from service.jobs.labels import LABEL_FILTER, JobPatch, wanted_labels
from service.jobs.schemas import DryRun, JobPage, JobState, JobView
from service.jobs.submission import CREATED, DryRunFlag, Key, submit
from service.preconditions import ETAG, IfMatch
from store import archive, labels, listing, rows

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

EXAMPLES: Any = {
    "demo": {"summary": "Four families on CIFAR-10", "value": DEMO_JOB},
    "smallest": {"summary": "Everything by default", "value": SMALLEST_JOB},
}
SUBMIT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A dry run's plan, or the job that this Idempotency-Key has made before.",
        "headers": CREATED,
        "model": JobView | DryRun,
        "content": {
            "application/json": {
                "examples": {"dry_run": {"value": DRY_RUN}},
            }
        },
    },
    201: {"headers": CREATED},
}
PATCHES: Any = {
    "labels": {"summary": "Put one label on, take one off", "value": {"labels": {"team": "vision", "draft": None}}},
    "name": {"summary": "Rename", "value": {"name": "Wide against dense"}},
}
Sort = Literal["newest", "oldest", "priority", "updated"]
SHAPES: dict[Sort, tuple[type | str, ...]] = {  # of a place in each of `listing.ORDERS`
    "newest": (JOB_ID,),
    "oldest": (JOB_ID,),
    "priority": (int, JOB_ID),
    "updated": (float, JOB_ID),
}
ARCHIVED = {"false": False, "true": True, "any": None}
CatalogName = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Of this one alone.")]


@router.post(
    "",
    status_code=201,
    response_model=JobView,
    summary="Submit a search",
    responses={
        **problems.documented(
            "invalid-request",
            "unknown-name",
            "infeasible",
            "nothing-to-transform",
            "malformed-body",
            "idempotency-conflict",
            "body-too-large",
            "planner-unavailable",
            "other-project",
            "quota-exceeded",
        ),
        **SUBMIT_RESPONSES,
    },
)
async def submit_job(
    here: Here,
    viewer: Seen,
    response: Response,
    body: Annotated[JobBody, Body(openapi_examples=EXAMPLES)],
    dry_run: DryRunFlag = False,
    idempotency_key: Key = None,
) -> JobView | Response:
    """Creates a job with its plan frozen: exact sizes at the dense model's FLOPs, solved before anything is trained.

    The space is refused as a whole only where no family can meet the FLOPs at any sparsity of it; single
    infeasible points are recorded with their reasons and cost no budget.
    """
    return await submit(here, viewer, response, body, dry_run=dry_run, key=idempotency_key)


@router.get("", response_model=JobPage, summary="List jobs", responses=problems.documented("invalid-request"))
def list_jobs(
    here: Here,
    viewer: Seen,
    limit: pages.Limit = 50,
    page_token: pages.PageToken = None,
    sort: Annotated[
        Sort, Query(description="By creation, by the queue's order, or by the last thing that happened.")
    ] = "newest",
    state: Annotated[
        list[JobState] | None, Query(max_length=7, description="In one of these states; may be repeated.")
    ] = None,
    name: Annotated[
        str, Query(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", description="A part of the name, in any case.")
    ] = "",
    model: CatalogName = None,
    dataset: CatalogName = None,
    family: CatalogName = None,
    label: LABEL_FILTER = None,
    archived: Annotated[
        Literal["false", "true", "any"], Query(description="The archived ones: left out, alone, or too.")
    ] = "false",
) -> JobPage:
    """Filters hold together. Pages neither skip nor repeat a job while others are submitted; one that changes
    meanwhile may move, where the order is `updated` or `priority`. A token continues the list as it was asked for.
    """
    wanted = listing.Wanted(
        viewer.project, tuple(state or ()), name, model, dataset, family, wanted_labels(label), ARCHIVED[archived]
    )
    asked = {
        "sort": sort, "state": sorted(wanted.states), "name": name, "model": model, "dataset": dataset,
        "family": family, "label": sorted(map(list, wanted.labels)), "archived": archived,
    }  # fmt: skip
    pager = pages.Listing("jobs", asked)
    seen = pager.place(page_token, SHAPES[sort])
    with here.database.read() as session:
        found, last = pages.cut(listing.page(session, wanted, sort=sort, seen=seen, limit=limit + 1), limit)
        ids = [job.id for job in found]
        counts, labelled = here.counts.get(session, ids), labels.of(session, ids)
        outlines = here.outlines.get(session, ids)
    items = [views.summary(job, counts[job.id], labelled[job.id], outlines[job.id]) for job in found]
    return JobPage(items=items, next_page_token=pager.token(listing.place(last, sort)) if last else None)


@router.get(
    "/{job}",
    response_model=JobView,
    summary="Show a job",
    responses={**problems.documented("not-found", "invalid-request"), 200: {"headers": ETAG}},
)
def show_job(here: Here, job: JobId, response: Response) -> JobView:
    """State with its reason, trials per state, progress, estimated seconds left, the best so far."""
    return showing.shown(here, job, response)


@router.patch(
    "/{job}",
    response_model=JobView,
    summary="Rename or label a job",
    responses={
        **problems.documented("not-found", "invalid-request", "malformed-body", "body-too-large", "stale-etag"),
        200: {"headers": ETAG},
    },
)
def change_job(
    here: Here,
    job: JobId,
    response: Response,
    patch: Annotated[JobPatch, Body(openapi_examples=PATCHES)],
    if_match: IfMatch = None,
) -> JobView:
    """A JSON Merge Patch (RFC 7396) of `name` and `labels`: null takes a label away, all of them, or gives the name
    that the job had when it was submitted. With `If-Match`, two people who edit notice each other.
    """
    with here.database.write() as session:
        showing.require_match(session, job, if_match)
        row = rows.lock_job(session, job)
        labelled = labels.of(session, [job])[job]
        labels.change(session, job, name=patch.new_name(row), labels=patch.new_labels(labelled))
    return showing.shown(here, job, response)


@router.delete(
    "/{job}",
    status_code=204,
    response_class=Response,
    summary="Delete a job",
    responses=problems.documented("not-found", "state-conflict", "invalid-request", "stale-etag"),
)
def delete_job(here: Here, job: JobId, if_match: IfMatch = None) -> None:
    """A job that has ended, with its trials, reports, events and files, for ever. The files go when a worker next
    puts its folder in order. One that a search still starts from stays.
    """
    with here.database.write() as session:
        showing.require_match(session, job, if_match)
        archive.remove(session, job)
