"""Fetching one file of a known digest: streamed, resumed where it stopped, never taken for whole when it is not."""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from sparseift.errors import DataError

CHUNK_BYTES = 1 << 20
TIMEOUT_S = 60.0  # without a single byte


def sha256(path: Path) -> str:
    """The file's digest in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(address: str, path: Path, digest: str, progress: Callable[[int, int], None]) -> None:
    """Bring `address` to `path`; what an interrupted call left in `path`.part is not fetched twice.

    Args:
        address: http or https.
        digest: sha256 in hexadecimal.
        progress: called with (bytes so far, bytes in all), 0 for an unknown total.

    Raises:
        DataError: no connection, a download that stopped early (call again to resume it), or a wrong digest; `path`
            does not exist then.
    """
    if not address.startswith(("https://", "http://")):
        raise DataError(f"'{address}' is no web address.")
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        total = _stream(address, part, progress)
    except (OSError, http.client.HTTPException) as error:
        raise DataError(f"{path.name} could not be fetched: {error}; run the command again to resume.") from error
    done = part.stat().st_size
    if total and done < total:
        raise DataError(f"{path.name} stopped at {done} of {total} bytes; run the command again to resume.")
    found = sha256(part)
    if found != digest:
        part.unlink()
        raise DataError(f"{path.name} has the sha256 {found} instead of {digest}; it was deleted, fetch it again.")
    part.replace(path)


def _stream(address: str, part: Path, progress: Callable[[int, int], None]) -> int:
    """Append what is missing to `part`; bytes in all, 0 where the server does not say."""
    done = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            error.close()
            raise
        with error:  # nothing is missing: the digest will tell
            return done
    with response, part.open("ab" if response.status == http.client.PARTIAL_CONTENT else "wb") as file:
        done = file.tell()
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else 0
        progress(done, total)
        while chunk := response.read(CHUNK_BYTES):
            file.write(chunk)
            done += len(chunk)
            progress(done, total)
    return total
