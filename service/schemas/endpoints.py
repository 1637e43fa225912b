"""/v1/schemas/job: what a job file may hold, for editors."""

from typing import Any

from fastapi import APIRouter

from service.schemas.job import job_schema
from sparseift import catalog

router = APIRouter(prefix="/v1/schemas", tags=["catalogs"])


@router.get("/job", response_model=dict[str, Any], summary="The JSON Schema of job files")
def show_job_schema() -> dict[str, Any]:
    """Every field with its description, default and bounds; names, arguments and settings as this installation's
    catalogs have them, the operator's own included.
    """
    return job_schema(catalog.table)
