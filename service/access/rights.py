"""What a viewer may do, in one place that every route passes: the scope by method, the job by its path.

A noun that is not in the tables here is the admin's alone, so that an endpoint which somebody adds is closed until
its rule is written; `tests/service/access/test_matrix.py` fails then.
"""

import re
from collections.abc import Iterable

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from service import problems
from service.access.viewer import Seen, Viewer
from service.context import Here
from service.identifiers import JOB_ID
from store import projects
from store.errors import NotFound

OPEN = frozenset({"/healthz", "/readyz"})  # for load balancers and orchestrators, which have no token
READERS = frozenset({"GET", "HEAD", "OPTIONS"})
ADMINS = frozenset({"tokens", "audit", "quotas"})
SHARED = frozenset({"workers", "slots"})  # every project's: read by all, changed by admins
# Nouns that name no job, or answer for their viewer's project.
NOUNS = frozenset({"jobs", "meta", "me", "families", "models", "datasets", "schemas", "metrics", "openapi.json"})
JOB = "/v1/jobs/{job}"


def noun(path: str) -> str:
    """The first word of an address that says what it is about: "jobs" of "/v1/jobs/{job}:cancel"."""
    return re.split(r"[/:]", path.removeprefix("/v1").removeprefix("/"), maxsplit=1)[0]


def scope_for(method: str, path: str) -> str | None:
    """The scope that a route needs; None: it is open.

    Args:
        path: the route's template.
    """
    if path in OPEN:
        return None
    word = noun(path)
    names_job_otherwise = path.startswith("/v1/jobs/{") and not path.startswith(JOB)
    if word in ADMINS or word not in NOUNS | SHARED or names_job_otherwise:
        return "admin"
    if method in READERS:
        return "read"
    return "admin" if word in SHARED else "submit"


async def enforce(request: Request, here: Here, asks: Seen) -> None:
    """The dependency of every route.

    Raises:
        Refused: the viewer's token lacks the scope.
        NotFound: the job of the path is another project's, in the words for one that does not exist.
    """
    wanted = scope_for(request.method, request.scope["route"].path)
    if wanted is None:
        return
    if wanted not in asks.scopes:
        raise problems.Refused(
            "scope-missing",
            f"This needs a token of scope '{wanted}'; this one has {', '.join(sorted(asks.scopes)) or 'none'}.",
            scope=wanted,
        )
    job = request.path_params.get("job")
    if asks.project is not None and job is not None:
        if re.fullmatch(JOB_ID, job, re.ASCII) is None:
            raise NotFound(f"There is no job {job!a}.")
        await run_in_threadpool(_look, here, asks, job)


def require_visible(session: Session, asks: Viewer, job_ids: Iterable[str]) -> None:
    """Hold jobs that a request names in its query or body against its viewer.

    Raises:
        NotFound: the first that the viewer may not see, in the words for one that does not exist.
    """
    projects.require(session, job_ids, asks.project)


def project_of(asks: Viewer, wanted: str | None) -> str:
    """The project that a new job belongs to: its token's, else the one wanted, else `default`.

    Raises:
        Refused: another one than the token's.
    """
    if asks.project is None:
        return wanted or projects.DEFAULT
    if wanted not in (None, asks.project):
        raise problems.Refused("other-project", f"This token belongs to project '{asks.project}', not to '{wanted}'.")
    return asks.project


def _look(here: Here, asks: Viewer, job: str) -> None:
    with here.database.read() as session:
        require_visible(session, asks, [job])
