"""/v1/jobs: submit, list, show. What is asked of a job afterwards is in `service.jobs.verbs`."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Response
from fastapi.responses import JSONResponse

from service import pages, problems
from service.context import Context, Here
from service.examples import DEMO_JOB, DRY_RUN, SMALLEST_JOB
from service.identifiers import JOB_ID, JobId
from service.jobs import specification, views
from service.jobs.schemas import DryRun, JobBody, JobPage, JobState, JobView
from store import attempts, jobs, overview, slots, spending

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

EXAMPLES: Any = {
    "demo": {"summary": "Four families on CIFAR-10", "value": DEMO_JOB},
    "smallest": {"summary": "Everything by default", "value": SMALLEST_JOB},
}
SUBMIT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A dry run's plan, or the job that this Idempotency-Key has made before.",
        "model": JobView | DryRun,
        "content": {
            "application/json": {
                "examples": {"dry_run": {"value": DRY_RUN}},
            }
        },
    },
    201: {"headers": {"Location": {"description": "The job's address.", "schema": {"type": "string"}}}},
}
Key = Annotated[
    str | None,
    Header(
        pattern=r"^[!-~]{1,128}$",
        description="A submission that is sent again with the same key gives the job of the first time.",
    ),
]
DryRunFlag = Annotated[bool, Query(description="Only plan: nothing is stored.")]


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
        ),
        **SUBMIT_RESPONSES,
    },
)
def submit_job(
    here: Here,
    response: Response,
    body: Annotated[JobBody, Body(openapi_examples=EXAMPLES)],
    dry_run: DryRunFlag = False,
    idempotency_key: Key = None,
) -> JobView | Response:
    """Creates a job with its plan frozen: exact sizes at the dense model's FLOPs, solved before anything is trained.

    The space is refused as a whole only where no family can meet the FLOPs at any sparsity of it; single
    infeasible points are recorded with their reasons and cost no budget.
    """
    spec = specification.accept(body)
    if spec.start_from:
        with here.database.read() as session:
            specification.check_origins(spec, session)
    plan = here.planner.plan(spec)
    specification.check_limits(spec, plan)
    if dry_run:
        return JSONResponse(views.dry_run(spec, plan).model_dump(mode="json"))
    with here.database.write() as session:
        job, created = jobs.create(session, spec, plan, idempotency_key)
    view = shown(here, job.id)
    response.status_code = 201 if created else 200
    response.headers["Location"] = view.links["self"]
    return view


@router.get(
    "", response_model=JobPage, summary="List jobs, newest first", responses=problems.documented("invalid-request")
)
def list_jobs(
    here: Here, limit: pages.Limit = 50, page_token: pages.PageToken = None, state: JobState | None = None
) -> JobPage:
    """Pages neither skip nor repeat a job while others are submitted."""
    after = pages.key("jobs", page_token, JOB_ID)
    with here.database.read() as session:
        found, last = pages.cut(jobs.page(session, after=after, limit=limit + 1, state=state), limit)
        counts = overview.counts_of(session, [job.id for job in found])
    items = [views.summary(job, counts[job.id]) for job in found]
    return JobPage(items=items, next_page_token=pages.token("jobs", last.id) if last else None)


@router.get(
    "/{job}",
    response_model=JobView,
    summary="Show a job",
    responses=problems.documented("not-found", "invalid-request"),
)
def show_job(here: Here, job: JobId) -> JobView:
    """State with its reason, trials per state, progress, estimated seconds left, the best so far."""
    return shown(here, job)


def shown(here: Context, job_id: str) -> JobView:
    """The job as it is now: what was written is committed, and no lock is held while statistics are computed."""
    with here.database.read() as session:
        job = jobs.get(session, job_id)
        return views.view(
            job,
            here.curves.get(session, job).curve,
            attempts.latest_reports(session, job_id),
            spent=spending.spent(session, job_id),
            seconds=overview.recent_seconds(session, job_id),
            slots=slots.count_of(session, job_id),
            quarantined=slots.quarantined(session),
        )
