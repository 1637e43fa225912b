"""/v1/jobs/{job}/compare, /equivalence, /pareto, /smooth, /importance, /ledger: what the curve says, asked further."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from service import problems
from service.analyses import reading
from service.analyses.memory import Answer, named, written
from service.analyses.schemas import (
    ComparisonsView,
    CostName,
    EnvironmentsView,
    EquivalenceView,
    ImportanceView,
    LedgerView,
    ParetoView,
    SmoothView,
)
from service.context import Here
from service.curves.endpoints import AGE, IfNoneMatch, age, holds
from service.identifiers import JobId
from service.jobs.progress import TERMINAL
from store import attempts, jobs, overview, runs
from store.tables import Job

if TYPE_CHECKING:
    from analysis.curve import Curve

router = APIRouter(prefix="/v1/jobs/{job}", tags=["analyses"])

MOST_KEYS = 100
Key = Annotated[str, Query(min_length=1, max_length=64)]
Keys = Annotated[
    list[Key] | None, Query(alias="key", max_length=MOST_KEYS, description="Configurations; else each family's best.")
]
Reference = Annotated[
    str, Query(min_length=1, max_length=64, description="What they are compared with: `dense` or a configuration.")
]
CostChoice = Annotated[CostName, Query(description="What the front is over.")]


class Record(Protocol):
    """An answer as analysis gives it."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""


Compute = Callable[[Session, Job, "Curve"], Record]


def _documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's `responses` of these routes."""
    return {
        **problems.documented("not-found", *codes),
        200: {
            "headers": {
                "ETag": {"description": "Changes when the answer does.", "schema": {"type": "string"}},
                **AGE,
            }
        },
        304: {"description": "The answer is still the one of `If-None-Match`."},
    }


def _asked(here: Here, job_id: str, question: tuple[str, ...], compute: Compute, known: str | None) -> Response:
    with here.database.read() as session:
        job = jobs.get(session, job_id)
        last = overview.last_event(session, job_id)
        # While a job goes on its curve may leave results out for a while: an answer holds no longer than its curve.
        kept = None if job.state in TERMINAL else here.curves.get(session, job)

        def fresh() -> bytes:
            found = kept or here.curves.get(session, job)
            return written(compute(session, job, found.curve).to_json())

        answer = here.analyses.get((job_id, *question), last, fresh, kept.digest if kept else "")
    return _response(answer, known, age(kept) if kept else {})


def _response(answer: Answer, known: str | None, more: Mapping[str, str] | None = None) -> Response:
    etag = f'"{answer.digest}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache", **(more or {})}
    if holds(known, etag):
        return Response(status_code=304, headers=headers)
    return Response(answer.text, media_type="application/json", headers=headers)


@router.get(
    "/compare",
    response_model=ComparisonsView,
    summary="Configurations against a reference at equal FLOPs",
    responses=_documented("invalid-request"),
)
def compare_points(
    here: Here,
    job: JobId,
    keys: Keys = None,
    reference: Reference = "dense",
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Within seeds where both ran on the same; intervals hold together; refused where FLOPs differ beyond .1 %."""
    question = ("compare", reference, *(keys or ()))
    return _asked(
        here, job, question, lambda _s, _j, curve: reading.read_comparison(curve, keys or (), reference), if_none_match
    )


@router.get(
    "/equivalence",
    response_model=EquivalenceView,
    summary="The larger dense model that a sparse one equals",
    responses=_documented(),
)
def show_equivalence(here: Here, job: JobId, if_none_match: IfNoneMatch = None) -> Response:
    """From the dense baseline and the job's ladder, with a 95 % interval; null with a reason, never extrapolated."""
    return _asked(here, job, ("equivalence",), reading.read_equivalence, if_none_match)


@router.get(
    "/pareto",
    response_model=ParetoView,
    summary="The Pareto front over a cost",
    responses=_documented("invalid-request"),
)
def show_pareto(
    here: Here, job: JobId, cost: CostChoice = "training_flops", if_none_match: IfNoneMatch = None
) -> Response:
    """Every configuration, dense and the ladder included, and whether what dominates it does so beyond noise."""
    return _asked(
        here,
        job,
        ("pareto", cost),
        lambda session, row, curve: reading.read_pareto(session, row, curve, cost),
        if_none_match,
    )


@router.get(
    "/smooth",
    response_model=SmoothView,
    summary="Smooth curves over sparsity, and where to look next",
    responses=_documented(),
)
def show_smooth(here: Here, job: JobId, if_none_match: IfNoneMatch = None) -> Response:
    """A Gaussian process per family with a 95 % band, its best level, and the level to try next."""
    return _asked(here, job, ("smooth",), lambda _s, row, curve: reading.read_smooth(row, curve), if_none_match)


@router.get(
    "/importance",
    response_model=ImportanceView,
    summary="What of the mask schedule matters",
    responses=_documented(),
)
def show_importance(here: Here, job: JobId, if_none_match: IfNoneMatch = None) -> Response:
    """Importances of parameters, schedule effects at fixed sparsity, and masks' churn and ITOP against the metric."""
    return _asked(here, job, ("importance",), reading.read_importance, if_none_match)


@router.get(
    "/environments",
    response_model=EnvironmentsView,
    summary="In what the job's attempts ran",
    responses=_documented(),
)
def show_environments(here: Here, job: JobId, if_none_match: IfNoneMatch = None) -> Response:
    """Versions, platform, device and commit as each attempt recorded them, those of most attempts first."""
    with here.database.read() as session:
        jobs.get(session, job)

        def fresh() -> bytes:
            found = runs.environments(session, job)
            return written({"items": [{"facts": dict(e.facts), "attempts": e.attempts} for e in found]})

        told = attempts.told_by_running(session, job)
        answer = here.analyses.get((job, "environments"), overview.last_event(session, job), fresh, str(told))
    return _response(answer, if_none_match)


@router.get("/ledger", response_model=LedgerView, summary="Where the compute went", responses=_documented())
def show_ledger(here: Here, job: JobId, if_none_match: IfNoneMatch = None) -> Response:
    """Algorithmic and executed training FLOPs and seconds, by what became of the work; as of now."""
    with here.database.read() as session:  # never kept: it grows between events
        answer = named(written(reading.read_ledger(session, jobs.get(session, job)).to_json()))
    return _response(answer, if_none_match)
