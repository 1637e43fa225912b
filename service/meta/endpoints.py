"""/v1/meta: what many jobs say together. A viewer that belongs to a project is answered from its jobs alone."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from service import problems
from service.access.viewer import Seen
from service.analyses.memory import named, written
from service.context import Here
from service.curves.endpoints import IfNoneMatch, holds
from service.meta.schemas import MetaView
from store import meta

router = APIRouter(prefix="/v1/meta", tags=["analyses"])

Dataset = Annotated[str | None, Query(min_length=1, max_length=64, description="Jobs on this data set alone.")]
Family = Annotated[str | None, Query(min_length=1, max_length=64, description="This family alone.")]


@router.get(
    "/best-against-size",
    response_model=MetaView,
    summary="Best sparsity against the model's size, over jobs",
    responses={
        **problems.documented("invalid-request"),
        200: {"headers": {"ETag": {"description": "Changes when the answer does.", "schema": {"type": "string"}}}},
        304: {"description": "The answer is still the one of `If-None-Match`."},
    },
)
def best_against_size(
    here: Here, asks: Seen, dataset: Dataset = None, family: Family = None, if_none_match: IfNoneMatch = None
) -> Response:
    """Each family's best confirmed sparsity of the newest 500 jobs that succeeded and are not archived, against the
    dense model's FLOPs, with a line per family from three sizes on. Jobs on different data sets are a mixture.
    """
    from analysis.meta import best_against_size, job_bests

    with here.database.read() as session:
        rows = meta.confirmed(session, asks.project, dataset=dataset, family=family)
    answer = named(written(best_against_size(job_bests(rows)).to_json()))
    etag = f'"{answer.digest}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if holds(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return Response(answer.text, media_type="application/json", headers=headers)
