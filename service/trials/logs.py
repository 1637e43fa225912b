"""The output of an attempt, as its process writes it into a file below the artifact folder."""

from dataclasses import dataclass
from pathlib import Path

from service.problems import Refused

PIECE = 65_536  # bytes of one answer at most


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file: its text, and where it ends (bytes)."""

    text: str
    next_offset: int
    size: int


def located(artifacts: Path | None, log_path: str) -> Path:
    """The log's file, which need not exist yet.

    Raises:
        Refused: the service was not told where logs are, or the path leads out of there.
    """
    if artifacts is None:
        raise Refused("log-unavailable", "This service reads no logs: start it with --artifacts DIR, as the workers.")
    path = (artifacts / log_path).resolve()
    if not log_path or not path.is_relative_to(artifacts.resolve()):
        raise Refused("log-unavailable", "This attempt has no log below the artifact folder.")
    return path


def read(path: Path, offset: int, limit: int = PIECE) -> Piece:
    """Up to `limit` bytes from `offset` (negative: from the end). It ends at whole characters; a file that is not there
    is empty."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = max(0, size + offset) if offset < 0 else min(offset, size)
            file.seek(start)
            data = file.read(limit)
    except FileNotFoundError:
        return Piece("", 0, 0)
    cut = _whole(data) if start + len(data) < size or len(data) == limit else len(data)
    return Piece(data[:cut].decode(errors="replace"), start + cut, size)


def _whole(data: bytes) -> int:
    """Length of `data` without a character that has only begun at its end."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0b1100_0000 != 0b1000_0000:  # the first byte of a character
            length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if length > back else len(data)
    return len(data)
