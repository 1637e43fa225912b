"""/healthz: the process is alive. /readyz: it can do its work."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from service import problems
from service.context import Here
from store import migrate

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """All is well."""

    status: Literal["alive", "ready"]


@router.get("/healthz", response_model=Health, summary="Whether the process is alive")
async def healthz() -> Health:
    """Asks nothing of anybody: it answers while every thread is busy."""
    return Health(status="alive")


@router.get(
    "/readyz",
    response_model=Health,
    summary="Whether the service can work",
    responses=problems.documented("database-unavailable", "wrong-revision"),
)
def readyz(here: Here) -> Health:
    """The database is reachable and its tables are this program's."""
    migrate.check_revision(here.database)
    return Health(status="ready")
