"""/v1/jobs/{job}/trials: a job's trials, page by page, and one with its course."""

from typing import Annotated

from fastapi import APIRouter, Query

from service import pages, problems
from service.context import Here
from service.identifiers import JobId, TrialNumber
from service.trials import views
from service.trials.schemas import TrialDetail, TrialPage, TrialState
from store import attempts, jobs, overview, trials

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
