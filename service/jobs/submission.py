"""One way for a job to come to be, whether it was written anew or begins as another one's copy."""

from typing import Annotated

from fastapi import Header, Query, Response
from fastapi.responses import JSONResponse

from service.access import rights
from service.access.viewer import Viewer
from service.context import Context
from service.jobs import specification, views
from service.jobs.schemas import JobBody, JobView
from service.jobs.showing import shown
from store import jobs, rates

Key = Annotated[
    str | None,
    Header(
        pattern=r"^[!-~]{1,128}$",
        description="A submission that is sent again with the same key gives the job of the first time.",
    ),
]
DryRunFlag = Annotated[bool, Query(description="Only plan: nothing is stored.")]


def submit(
    here: Context,
    viewer: Viewer,
    response: Response,
    body: JobBody,
    *,
    dry_run: bool,
    key: str | None,
    cloned_from: str | None = None,
) -> JobView | Response:
    """Plan the job, and store it unless it is a dry run: 201 with its address, or 200 where the key has made it before.

    Raises:
        Refused: what the catalogs, the planner or the budget do not allow. IdempotencyConflict: see `jobs.create`.
    """
    project = rights.project_of(viewer, body.project)
    spec = specification.accept(body)
    if spec.start_from:
        with here.database.read() as session:
            specification.check_origins(spec, session, viewer.project)
    plan = here.planner.plan(spec)
    specification.check_limits(spec, plan)
    if dry_run:
        with here.database.read() as session:
            measured = rates.measured(session, spec.model.name, spec.dataset.name, viewer.project)
        return JSONResponse(views.dry_run(spec, plan, measured).model_dump(mode="json"))
    with here.database.write() as session:
        job, created = jobs.create(
            session,
            spec,
            plan,
            key,
            project=project,
            owner=viewer.token_id or "",
            labelled=body.labels,
            cloned_from=cloned_from,
        )
    view = shown(here, job.id, response)
    response.status_code = 201 if created else 200
    response.headers["Location"] = view.links["self"]
    return view
