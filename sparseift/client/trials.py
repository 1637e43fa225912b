"""What is asked of trials."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from sparseift.client import frames
from sparseift.client.connection import Connection, given
from sparseift.client.errors import Json

if TYPE_CHECKING:
    from pandas import DataFrame


LOG_POLL = 0.5  # seconds between looks for more output


class Trials(Connection):
    """Trials with their courses, output and files."""

    def trials(
        self,
        job_id: str,
        *,
        state: str | Sequence[str] | None = None,
        family: str | None = None,
        limit: int | None = None,
        **filters: Any,
    ) -> Iterator[Json]:
        """A job's trials by number or as `sort` says, page by page, at most `limit`; `filters` as the route's."""
        return self._pages(f"/v1/jobs/{job_id}/trials", given(state=state, family=family, **filters), limit)

    def trial(self, job_id: str, number: int) -> Json:
        """One trial with its attempts' reports."""
        return self._json("GET", f"/v1/jobs/{job_id}/trials/{number}")

    def columns(self, job_id: str, since: int | None = None) -> Json:
        """All trials of a job as columns; `since`, an answer's `last_event`: those alone that have changed after it."""
        return self._json("GET", f"/v1/jobs/{job_id}/trials/columns", params=given(since=since))

    def timeline(self, job_id: str, newest: int | None = None) -> Json:
        """What ran on which slot from when to when; `newest`: so many attempts at most."""
        return self._json("GET", f"/v1/jobs/{job_id}/trials/timeline", params=given(newest=newest))

    def metrics(self, job_id: str, number: int, points: int = 200) -> Json:
        """A trial's course, each measure thinned to at most `points` pairs (steps, value)."""
        return self._json("GET", f"/v1/jobs/{job_id}/trials/{number}/metrics", params={"points": points})

    def log(self, job_id: str, number: int, *, attempt: int | None = None, follow: bool = False) -> Iterator[str]:
        """The output of a trial's attempt (the newest by default), piece by piece; `follow`: until it has ended."""
        path, offset = f"/v1/jobs/{job_id}/trials/{number}/log", 0
        chosen = {} if attempt is None else {"attempt": attempt}
        while True:
            piece = self._json("GET", path, params={**chosen, "offset": offset})
            if piece["text"]:
                yield piece["text"]
            elif not follow or piece["ended"]:
                return
            else:
                time.sleep(LOG_POLL)
            chosen, offset = {"attempt": piece["attempt"]}, piece["next_offset"]

    def artifacts(self, job_id: str, number: int) -> list[Json]:
        """What a trial keeps: names, bytes and SHA-256 of its files."""
        items: list[Json] = self._json("GET", f"/v1/jobs/{job_id}/trials/{number}/artifacts")["items"]
        return items

    def artifact(self, job_id: str, number: int, name: str, offset: int = 0) -> Iterator[bytes]:
        """A file's bytes from `offset` on, piece by piece."""
        path = f"/v1/jobs/{job_id}/trials/{number}/artifacts/{name}"
        yield from self._stream(path, headers={"Range": f"bytes={offset}-"} if offset else {}, whole=not offset)

    def export(
        self, job_id: str, what: Literal["trials", "reports"] = "trials", file_format: Literal["csv", "parquet"] = "csv"
    ) -> Iterator[bytes]:
        """All trials of a job, or all their reports, as one file, piece by piece."""
        path = f"/v1/jobs/{job_id}/{'trials/export' if what == 'trials' else 'reports/export'}"
        yield from self._stream(path, params={"format": file_format})

    def trials_frame(self, job_id: str, **filters: Any) -> "DataFrame":
        """A job's trials as a pandas DataFrame, a row per trial.

        Raises:
            ImportError: pandas is not installed.
        """
        return frames.table(self.trials(job_id, **filters))
