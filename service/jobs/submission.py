"""One way for a job to come to be, whether it was written anew or begins as another one's copy."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import Header, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from service.access import rights
from service.access.viewer import Viewer
from service.context import Context
from service.jobs import specification, views
from service.jobs.job_body import JobBody
from service.jobs.schemas import JobView
from service.jobs.showing import shown
from service.preconditions import ETAG
from sparseift.records import JobSpec, Plan
from store import jobs, listing, rates, rows
from store.errors import NotFound
from store.tables import Job

Key = Annotated[
    str | None,
    Header(
        pattern=r"^[!-~]{1,128}$",
        description="A submission that is sent again with the same key gives the job of the first time.",
    ),
]
CREATED: Any = {
    "Location": {"description": "The job's address.", "schema": {"type": "string"}},
    **ETAG,
}
DryRunFlag = Annotated[bool, Query(description="Only plan: nothing is stored.")]


Creating = Callable[[Session, Plan], tuple[Job, bool]]


async def submit(
    here: Context,
    viewer: Viewer,
    response: Response,
    body: JobBody,
    *,
    dry_run: bool,
    key: str | None,
    cloned_from: str | None = None,
    request: Mapping[str, Any] | None = None,
) -> JobView | Response:
    """Plan the job, and store it unless it is a dry run: 201 with its address, or 200 where the key has made it before.

    Whoever waits for a plan holds no thread of those that answer everything else.

    Raises:
        Refused: what the catalogs, the planner or the budget do not allow. IdempotencyConflict: see `jobs.create`.
    """
    project = rights.project_of(viewer, body.project)
    spec = await run_in_threadpool(specification.accept, body)

    def create(session: Session, plan: Plan) -> tuple[Job, bool]:
        return jobs.create(
            session,
            spec,
            plan,
            key,
            project=project,
            owner=viewer.token_id or "",
            labelled=body.labels,
            cloned_from=cloned_from,
            request=request,
        )

    if key is not None and not dry_run:
        # First of all: what was needed to make the job need not be there any more when it is only asked for again.
        made = await run_in_threadpool(_made_before, here, project, key, create)
        if made is not None:
            return await run_in_threadpool(_told, here, made, response, created=False)
    if spec.start_from:
        await run_in_threadpool(_check_origins, here, spec, viewer)
    plan = await here.plans.plan(spec, viewer)
    specification.check_limits(spec, plan)
    if dry_run:
        return await run_in_threadpool(_planned, here, spec, plan, viewer)
    return await run_in_threadpool(_stored, here, plan, create, response)


def _made_before(here: Context, project: str, key: str, create: Creating) -> str | None:
    """The id of the job that the key has made; None: it has made none.

    Raises:
        IdempotencyConflict: it was for another one.
    """
    with here.database.read() as session:
        known = listing.by_key(session, project, key)
    if known is None:
        return None
    with here.database.write() as session:
        try:
            job = rows.lock_job(session, known)
        except NotFound:
            return None  # deleted in this moment
        return create(session, Plan.from_json(job.plan))[0].id


def _check_origins(here: Context, spec: JobSpec, viewer: Viewer) -> None:
    with here.database.read() as session:
        specification.check_origins(spec, session, viewer.project)


def _planned(here: Context, spec: JobSpec, plan: Plan, viewer: Viewer) -> Response:
    with here.database.read() as session:
        measured = rates.measured(session, spec.model.name, spec.dataset.name, viewer.project)
    return JSONResponse(views.dry_run(spec, plan, measured).model_dump(mode="json"))


def _stored(here: Context, plan: Plan, create: Creating, response: Response) -> JobView:
    with here.database.write() as session:
        job, created = create(session, plan)
    return _told(here, job.id, response, created=created)


def _told(here: Context, job_id: str, response: Response, *, created: bool) -> JobView:
    view = shown(here, job_id, response)
    response.status_code = 201 if created else 200
    response.headers["Location"] = view.links["self"]
    return view
