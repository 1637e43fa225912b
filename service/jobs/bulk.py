"""/v1/jobs:bulk: the same verb for many jobs, each in a transaction of its own."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, Field, StringConstraints, model_validator
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from service import problems
from service.access.rights import require_visible
from service.access.viewer import Seen, Viewer
from service.context import Context, Here
from service.identifiers import JOB_ID
from service.jobs.bodies import Body as RequestBody
from service.jobs.job_body import Distinct, Priority
from store import archive, verbs
from store.errors import NotFound, StateConflict

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

MOST = 200  # jobs of one request
Verb = Literal["pause", "resume", "stop", "cancel", "archive", "unarchive", "delete", "prioritize"]
ARGUMENTS: dict[Verb, tuple[str, ...]] = {"pause": ("running",), "stop": ("running",), "prioritize": ("priority",)}
RUNNING: dict[Verb, tuple[str, ...]] = {"pause": ("finish", "hand_back"), "stop": ("finish", "stop")}
GivenId = Annotated[str, StringConstraints(pattern=f"^{JOB_ID}$")]


class BulkBody(RequestBody):
    """A verb, the jobs, and what the verb alone would take."""

    verb: Verb
    jobs: Annotated[tuple[GivenId, ...], Field(min_length=1, max_length=MOST), Distinct]
    running: Literal["finish", "hand_back", "stop"] | None = Field(
        default=None, description="Of `pause` (finish, hand_back) and `stop` (finish, stop); finish by default."
    )
    priority: Priority | None = Field(default=None, description="Of `prioritize`, which needs it.")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        for name in ("running", "priority"):
            if getattr(self, name) is not None and name not in ARGUMENTS.get(self.verb, ()):
                raise ValueError(f"the verb '{self.verb}' takes no `{name}`")
        if self.running is not None and self.running not in RUNNING[self.verb]:
            raise ValueError(f"`running` of '{self.verb}' is one of {', '.join(RUNNING[self.verb])}")
        if self.verb == "prioritize" and self.priority is None:
            raise ValueError("the verb 'prioritize' needs a `priority`")
        return self

    def act(self) -> Callable[[Session, str], Any]:
        """What is done to each job."""
        running: Any = self.running or "finish"
        acts: dict[Verb, Callable[[Session, str], Any]] = {
            "pause": lambda session, job: verbs.pause(session, job, running),
            "resume": verbs.resume,
            "stop": lambda session, job: verbs.stop(session, job, running),
            "cancel": verbs.cancel,
            "archive": archive.archive,
            "unarchive": archive.unarchive,
            "delete": archive.remove,
            "prioritize": lambda session, job: verbs.prioritize(session, job, self.priority or 0),
        }
        return acts[self.verb]


class BulkResult(BaseModel):
    """What became of one job."""

    job: str
    status: int = Field(description="As the verb alone would have answered.")
    state: str | None = Field(description="The job's now, or the one that forbade it; null for one that is gone.")
    code: str | None = Field(default=None, description="A problem's stable word, where it was refused.")
    detail: str | None = Field(default=None, description="And its sentence.")


class BulkResults(BaseModel):
    """One result per job, in the request's order."""

    results: list[BulkResult]


EXAMPLES: Any = {
    "archive": {"summary": "Put two jobs away", "value": {"verb": "archive", "jobs": ["job_0m2x", "job_0m3y"]}},
    "pause": {"value": {"verb": "pause", "jobs": ["job_0m2x"], "running": "hand_back"}},
    "prioritize": {"value": {"verb": "prioritize", "jobs": ["job_0m2x"], "priority": 10}},
}


@router.post(
    ":bulk",
    response_model=BulkResults,
    summary="One verb for many jobs",
    responses=problems.documented("invalid-request", "malformed-body", "body-too-large"),
)
def change_jobs(
    here: Here, viewer: Seen, request: Request, body: Annotated[BulkBody, Body(openapi_examples=EXAMPLES)]
) -> BulkResults:
    """Each job stands for itself: what one of them refuses keeps none of the others from it."""
    request.state.audited = " ".join((body.verb, *body.jobs))
    act = body.act()
    return BulkResults(results=[_result(here, viewer, body.verb, job, act) for job in body.jobs])


def _result(here: Context, viewer: Viewer, verb: Verb, job_id: str, act: Callable[[Session, str], Any]) -> BulkResult:
    try:
        with here.database.write() as session:
            require_visible(session, viewer, [job_id])
            job = act(session, job_id)
    except NotFound as error:
        return _refused(job_id, "not-found", str(error))
    except StateConflict as error:
        return _refused(job_id, "state-conflict", str(error), error.state)
    except (OperationalError, InterfaceError, PoolTimeout):
        return _refused(job_id, "database-unavailable", "The database cannot be reached; this job was not changed.")
    if verb == "delete":
        return BulkResult(job=job_id, status=204, state=None)
    return BulkResult(job=job_id, status=200, state=job.state)


def _refused(job_id: str, code: str, detail: str, state: str | None = None) -> BulkResult:
    return BulkResult(job=job_id, status=problems.CODES[code][0], state=state, code=code, detail=detail)
