"""/v1/jobs/{job}/curve and /best: the answer, as numbers or as a chart."""

import math
from functools import partial
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic_core import to_json

from service import negotiation, problems
from service.context import Context, Here
from service.curves.drawing import draw
from service.curves.memory import KeptCurve
from service.curves.schemas import Answer, CurveView
from service.curves.thinning import thinned
from service.identifiers import JobId
from store import jobs

router = APIRouter(prefix="/v1/jobs/{job}", tags=["curves"])

Format = Literal["json", "csv", "svg", "png", "html"]
Theme = Literal["light", "dark"]
MEDIA_TYPES: dict[str, str] = {
    "application/json": "json",
    "text/csv": "csv",
    "image/svg+xml": "svg",
    "image/png": "png",
    "text/html": "html",
}
# A chart is shown, not trusted: it may run its own scripts, but reach neither this API nor anything outside.
POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
IfNoneMatch = Annotated[str | None, Header(max_length=1024, description="An ETag of before: 304 if it still holds.")]
FormatChoice = Annotated[
    Format | None, Query(alias="format", description="Goes before the `Accept` header; json where neither is given.")
]
AGE: Any = {
    "Age": {
        "description": "Of a job of many trials that goes on: how many seconds ago this was found, where results have "
        "come since. Else there is none.",
        "schema": {"type": "integer"},
    }
}
Thin = Annotated[
    int | None,
    Query(
        ge=0,
        le=100_000,
        description="Of json: so many points of each family, those on the most seeds and then the latest, beside all "
        "that lead at their sparsity, are best, confirmed, or not at dense's FLOPs. By default all.",
    ),
]
ThemeChoice = Annotated[Theme, Query(description="Of svg and png; an html page follows its reader's.")]


@router.get(
    "/best",
    response_model=Answer,
    summary="Best sparsity per family",
    responses={**problems.documented("not-found"), 200: {"headers": AGE}},
)
def show_best(here: Here, job: JobId) -> Response:
    """Confirmed where fresh seeds have run, else provisional; always with seeds and interval."""
    kept = _kept(here, job)
    return Response(kept.answer, media_type="application/json", headers=age(kept))


@router.get(
    "/curve",
    response_model=CurveView,
    summary="The iso-FLOP curve, as numbers or as a chart",
    responses={
        **problems.documented("not-found", "invalid-request", "not-acceptable", "renderer-busy"),
        200: {
            "description": "The curve. Charts are whole: they load nothing from anywhere.",
            "headers": {
                "ETag": {"description": "Changes when the curve does.", "schema": {"type": "string"}},
                **AGE,
            },
            "content": {name: {"schema": {"type": "string"}} for name in MEDIA_TYPES if name != "application/json"},
        },
        304: {"description": "The curve is still the one of `If-None-Match`."},
    },
)
async def show_curve(
    here: Here,
    request: Request,
    job: JobId,
    form: FormatChoice = None,
    theme: ThemeChoice = "light",
    thin: Thin = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Points of every family against sparsity at dense's FLOPs, with 95 % intervals over seeds."""
    wanted = form or MEDIA_TYPES[negotiation.choose(request.headers.get("accept"), list(MEDIA_TYPES))]
    kept = await run_in_threadpool(_kept, here, job)
    share = "" if thin is None else f"-{thin}"
    etag = f'"{kept.digest}-{wanted}-{theme}{share}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept", **age(kept)}
    if holds(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    if wanted == "json":
        content = kept.text if thin is None else await run_in_threadpool(_thinned, kept, thin)
    else:
        content = await here.rendering.draw(etag, here.viewer, partial(draw, kept.curve, wanted, theme))
    name = next(name for name, short in MEDIA_TYPES.items() if short == wanted)
    if wanted in ("html", "svg"):
        headers["Content-Security-Policy"] = POLICY
    if wanted != "json":
        headers["Content-Disposition"] = f'inline; filename="{job}.{wanted}"'
    return Response(content, media_type=name, headers=headers)


def age(kept: KeptCurve) -> dict[str, str]:
    """How old the answer is in seconds (RFC 9111 section 5.1), where there are results that it leaves out."""
    return {} if kept.outdated_at_s is None else {"Age": str(math.ceil(kept.age_s()))}


def _kept(here: Context, job: str) -> KeptCurve:
    with here.database.read() as session:
        return here.curves.get(session, jobs.get(session, job))


def _thinned(kept: KeptCurve, thin: int) -> bytes:
    return kept.with_points(to_json(thinned(kept.curve.points, thin)))


def holds(if_none_match: str | None, etag: str) -> bool:
    """Whether one of the client's ETags is this one (weak comparison, RFC 9110 section 13.1.2)."""
    if if_none_match is None:
        return False
    known = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return "*" in known or etag in known


assert set(get_args(Format)) == set(MEDIA_TYPES.values())
