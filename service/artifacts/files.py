"""The files of a trial: its attempts' logs and its recorded checkpoints, where they lie below the artifact folder.

Only what the database knows of is ever looked for: no name of a request becomes part of a path.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from service.problems import Refused
from store.tables import Attempt, Checkpoint

Kind = Literal["tensors", "state", "log", "layers"]
KINDS: dict[str, Kind] = {".safetensors": "tensors", ".json": "state", ".log": "log"}
MEDIA_TYPES: dict[Kind, str] = {
    "tensors": "application/octet-stream",
    "state": "application/json",
    "log": "text/plain; charset=utf-8",
    "layers": "application/json",
}
LAYERS = "layers.json"  # that a run leaves beside its log (`sparseift.training.layers`)
CHECKPOINT_FILES = ("tensors.safetensors", "state.json")
LONGEST_STATE = 64 * 2**20  # bytes of a state that is read for the digest in it


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a trial.

    Attributes:
        name: "attempt-2/step-00000400/tensors.safetensors", unique in the trial.
        path: where it is, every link followed.
        size, modified_ns: of the file as it is now; bytes, nanoseconds.
        step: optimizer steps done, of a checkpoint's.
        sha256: as the run recorded it; None: it did not.
    """

    name: str
    kind: Kind
    path: Path
    size: int
    modified_ns: int
    attempt: int
    step: int | None
    sha256: str | None

    @property
    def etag(self) -> str:
        """Names the content: by its digest where there is one, else by size and time."""
        return f'"{self.sha256 or f"{self.size:x}-{self.modified_ns:x}"}"'


def root_of(artifacts: Path | None) -> Path:
    """The artifact folder.

    Raises:
        Refused: the service was not told of one.
    """
    if artifacts is None:
        raise Refused(
            "artifacts-unavailable", "This service reads no files: start it with --artifacts DIR, as the workers."
        )
    return artifacts


def found(root: Path, attempts: Sequence[Attempt], checkpoints: Sequence[Checkpoint]) -> Iterator[Artifact]:
    """The trial's files that are there, by attempt, its log first, its layers, then its checkpoints by step."""
    for attempt in attempts:
        yield from _seen(root, attempt, attempt.log_path, f"attempt-{attempt.number}", None, None)
        if attempt.log_path:
            table = str(PurePosixPath(attempt.log_path).with_name(LAYERS))
            yield from _seen(root, attempt, table, f"attempt-{attempt.number}", None, None)
        for saved in sorted((c for c in checkpoints if c.attempt_id == attempt.id), key=lambda c: c.step):
            folder = PurePosixPath(saved.path)
            beside = f"attempt-{attempt.number}/{folder.name}"
            for name in CHECKPOINT_FILES:
                digest = _digest(root, folder) if name.endswith(".safetensors") else None
                yield from _seen(root, attempt, str(folder / name), beside, saved.step, digest)


def _seen(
    root: Path, attempt: Attempt, relative: str, beside: str, step: int | None, digest: str | None
) -> Iterator[Artifact]:
    file = PurePosixPath(relative)
    kind = "layers" if file.name == LAYERS else KINDS.get(file.suffix)
    path = inside(root, relative)
    if kind is None or path is None:
        return
    try:
        status = path.stat()
    except OSError:
        return
    yield Artifact(
        f"{beside}/{PurePosixPath(relative).name}",
        kind,
        path,
        status.st_size,
        status.st_mtime_ns,
        attempt.number,
        step,
        digest,
    )


def inside(root: Path, relative: str) -> Path | None:
    """A file below the folder with every link followed; None: it is not there, or leads out of there."""
    if not relative:
        return None
    try:
        path = (root / relative).resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    return path if path.is_relative_to(root.resolve()) and path.is_file() else None


def _digest(root: Path, folder: PurePosixPath) -> str | None:
    """The SHA-256 of a checkpoint's tensors, which its state tells."""
    path = inside(root, str(folder / "state.json"))
    try:
        if path is None or path.stat().st_size > LONGEST_STATE:
            return None
        digest = json.loads(path.read_bytes()).get("sha256")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return digest if isinstance(digest, str) and len(digest) == 64 and digest.isalnum() else None
