"""/v1/jobs/{job}/trials/{number}/artifacts: what a trial has left on disk, to take away."""

from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Header, Path, Response
from fastapi.responses import StreamingResponse

from service import problems
from service.artifacts import files, ranges
from service.artifacts.schemas import ArtifactList, ArtifactView
from service.context import Context, Here
from service.curves.endpoints import holds
from service.identifiers import JobId, TrialNumber
from service.times import utc
from store import checkpoints, jobs, overview, trials

router = APIRouter(prefix="/v1/jobs/{job}/trials/{number}/artifacts", tags=["artifacts"])

PIECE = 1 << 20  # bytes read at once
Name = Annotated[str, Path(max_length=300, description="As the list names it.")]
Range = Annotated[
    str | None, Header(alias="Range", max_length=256, description="One range, such as `bytes=1000-`: 206.")
]
IfRange = Annotated[str | None, Header(max_length=256, description="An ETag: with another one the whole file comes.")]
IfNoneMatch = Annotated[str | None, Header(max_length=1024, description="An ETag of before: 304 if it still holds.")]
CONTENT: Any = {
    files.MEDIA_TYPES["tensors"]: {"schema": {"type": "string", "format": "binary"}},
    files.MEDIA_TYPES["state"]: {"schema": {}},
    files.MEDIA_TYPES["log"].partition(";")[0]: {"schema": {"type": "string"}},
}
HEADERS: Any = {
    "ETag": {"description": "Names the content.", "schema": {"type": "string"}},
    "Accept-Ranges": {"description": "`bytes`.", "schema": {"type": "string"}},
}


@router.get(
    "",
    response_model=ArtifactList,
    summary="List a trial's files",
    responses=problems.documented("not-found", "invalid-request", "artifacts-unavailable"),
)
def list_artifacts(here: Here, job: JobId, number: TrialNumber) -> ArtifactList:
    """Recorded checkpoints (safetensors and JSON) and the attempts' output. Losers' checkpoints are deleted once a
    job has found better ones.
    """
    address = f"/v1/jobs/{job}/trials/{number}/artifacts"
    return ArtifactList(
        items=[
            ArtifactView(
                name=a.name,
                kind=a.kind,
                bytes=a.size,
                attempt=a.attempt,
                step=a.step,
                sha256=a.sha256,
                modified_at=utc(a.modified_ns / 1e9),
                href=f"{address}/{a.name}",
            )
            for a in _artifacts(here, job, number)
        ]
    )


@router.get(
    "/{name:path}",
    response_class=StreamingResponse,
    summary="Read a trial's file",
    responses={
        **problems.documented("not-found", "invalid-request", "artifacts-unavailable", "range-not-satisfiable"),
        200: {"description": "The file.", "headers": HEADERS, "content": CONTENT},
        206: {"description": "A part of it.", "headers": HEADERS, "content": CONTENT},
        304: {"description": "It is still the one of `If-None-Match`."},
    },
)
def read_artifact(
    here: Here,
    job: JobId,
    number: TrialNumber,
    name: Name,
    wanted: Range = None,
    if_range: IfRange = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Broken downloads go on with `Range`; with `If-Range` only where the file is still the same."""
    for artifact in _artifacts(here, job, number):
        if artifact.name == name:
            return _sent(artifact, wanted, if_range, if_none_match)
    raise problems.Refused("not-found", f"Trial {number} has no file {name[:80]!a}; its list has the known ones.")


def _artifacts(here: Context, job: str, number: int) -> Iterator[files.Artifact]:
    root = files.root_of(here.settings.artifacts)
    with here.database.read() as session:
        jobs.get(session, job)
        trial = trials.get(session, job, number)
        attempts, saved = overview.attempts_of(session, trial.id), checkpoints.of_trial(session, trial.id)
    return files.found(root, attempts, saved)


def _sent(artifact: files.Artifact, wanted: str | None, if_range: str | None, if_none_match: str | None) -> Response:
    headers = {
        "ETag": artifact.etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-cache",
        "Content-Disposition": f'attachment; filename="{artifact.path.name}"',
    }
    if holds(if_none_match, artifact.etag):
        return Response(status_code=304, headers=headers)
    part = ranges.wanted(wanted, artifact.size) if if_range in (None, artifact.etag) else None
    start, length = part or (0, artifact.size)
    headers["Content-Length"] = str(length)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{artifact.size}"
    try:
        file = artifact.path.open("rb")
    except OSError as error:
        raise problems.Refused("not-found", "The file has just been deleted.") from error
    return StreamingResponse(
        _pieces(file, start, length),
        status_code=206 if part is not None else 200,
        headers=headers,
        media_type=files.MEDIA_TYPES[artifact.kind],
    )


def _pieces(file: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while length > 0 and (piece := file.read(min(PIECE, length))):
            length -= len(piece)
            yield piece
