"""What happens to a job, as it happens."""

import time
from collections.abc import Iterator

from sparseift.client.connection import BACKOFF, PAGE, Connection
from sparseift.client.errors import ApiError, Json, is_away

ENDED_STATES = ("succeeded", "failed", "cancelled")


class Events(Connection):
    """A job's log: read, waited for, followed."""

    def events(self, job_id: str, after: int = 0) -> Iterator[Json]:
        """What happened to a job after the event of that id, oldest first; ends at the newest."""
        while True:
            page = self._json("GET", f"/v1/jobs/{job_id}/events", params={"after": after, "limit": PAGE})
            yield from page["items"]
            if len(page["items"]) < PAGE:
                return
            after = page["items"][-1]["id"]

    def wait_for_events(self, job_id: str, after: int, wait_s: float = 20.0) -> Json:
        """The events after that id; where there is none yet, the answer takes up to `wait_s` seconds (a long poll)."""
        where = {"after": after, "limit": PAGE, "wait_s": wait_s}
        return self._json("GET", f"/v1/jobs/{job_id}/events", params=where, timeout=wait_s + 30.0)

    def follow(self, job_id: str, after: int = 0, patience_s: float = 60.0) -> Iterator[Json]:
        """A job's events as they happen, until it has ended: a stream, taken up again where it broke off.

        Args:
            after: id of the last event already seen.
            patience_s: for a service that is away, or starts anew.

        Raises:
            ApiError: the service was away for longer, or refused.
        """
        away_since: float | None = None
        while True:
            try:
                for event in self._event_stream(job_id, after):
                    away_since = None
                    if event is None:
                        return
                    yield event
                    after = event["id"]
            except ApiError as error:
                if not is_away(error):
                    raise
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > patience_s:
                    raise
            time.sleep(BACKOFF[1])  # where the service asked for more, the connection has waited it already

    def wait(self, job_id: str, timeout_s: float | None = None, wait_s: float = 20.0) -> Json:
        """The job, once it has ended.

        Raises:
            TimeoutError: it has not after `timeout_s` seconds.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        after = 0
        while (job := self._json("GET", f"/v1/jobs/{job_id}"))["state"] not in ENDED_STATES:
            left = wait_s if deadline is None else min(wait_s, deadline - time.monotonic())
            if left <= 0:
                raise TimeoutError(f"{job_id} is {job['state']} after {timeout_s:g} s.")
            after = self.wait_for_events(job_id, after, round(left, 2))["last_id"]
        return job
