"""What is asked of jobs."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from sparseift.client.connection import Connection, given
from sparseift.client.errors import Json
from sparseift.records import JobSpec


class Jobs(Connection):
    """Submitting, finding, steering and keeping jobs."""

    def submit(self, spec: JobSpec | Mapping[str, Any], idempotency_key: str | None = None) -> Json:
        """Submits a search and returns the job; with the same key and spec, the same job again.

        Raises:
            ApiError: the service's sentence, for example with the known models.
        """
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        return self._json("POST", "/v1/jobs", json=_plain(spec), headers=headers, retry=True)

    def dry_run(self, spec: JobSpec | Mapping[str, Any]) -> Json:
        """The plan that the service would accept the search with: exact sizes and FLOPs, nothing stored."""
        return self._json("POST", "/v1/jobs", json=_plain(spec), params={"dry_run": "true"}, retry=True)

    def jobs(self, state: str | Sequence[str] | None = None, **filters: Any) -> Iterator[Json]:
        """Jobs page by page, newest first.

        Args:
            state: of these states only.
            filters: as the route has them: name, model, dataset, family, label ("key:value"), archived ("false",
                "true", "any"), sort ("newest", "oldest", "priority", "updated"); a list is said more than once.
        """
        return self._pages("/v1/jobs", given(state=state, **filters))

    def job(self, job_id: str) -> Json:
        """One job: state, reason, counts of its trials per state."""
        return self._json("GET", f"/v1/jobs/{job_id}")

    def pause(self, job_id: str, running: Literal["finish", "hand_back"] = "finish") -> Json:
        """Starts nothing new; running trials finish, or save a checkpoint and wait."""
        return self._ask(job_id, "pause", params={"running": running})

    def resume(self, job_id: str) -> Json:
        """Goes on after a pause."""
        return self._ask(job_id, "resume")

    def stop(self, job_id: str, running: Literal["finish", "stop"] = "finish") -> Json:
        """Ends the search early; what is measured is confirmed, and the job succeeds."""
        return self._ask(job_id, "stop", params={"running": running})

    def cancel(self, job_id: str) -> Json:
        """Asks for a job's end; its running trials are ended."""
        return self._json("POST", f"/v1/jobs/{job_id}:cancel", retry=False)

    def extend(self, job_id: str, totals: Mapping[str, int | float | None]) -> Json:
        """Raises a job's budget to new totals, such as {"search_trials": 40}; it goes on from its trials."""
        return self._ask(job_id, "extend", json=dict(totals))

    def prioritize(self, job_id: str, priority: int) -> Json:
        """Moves a job in the queue, in [-100, 100]; higher is taken first."""
        return self._ask(job_id, "prioritize", json={"priority": priority})

    def label(self, job_id: str, changes: Mapping[str, Any]) -> Json:
        """A job with another `name` or other `labels` (a merge patch: null takes a label away)."""
        return self._json("PATCH", f"/v1/jobs/{job_id}", json=dict(changes))

    def archive(self, job_id: str) -> Json:
        """Takes an ended job out of the lists; nothing is deleted."""
        return self._ask(job_id, "archive")

    def unarchive(self, job_id: str) -> Json:
        """Puts an archived job back into the lists."""
        return self._ask(job_id, "unarchive")

    def delete(self, job_id: str) -> None:
        """Deletes an ended job with its trials, for ever."""
        self._send("DELETE", f"/v1/jobs/{job_id}", retry=False)

    def bulk(self, verb: str, job_ids: Sequence[str], **arguments: Any) -> Json:
        """The same verb for many jobs; the answer says of each what became of it."""
        return self._json("POST", "/v1/jobs:bulk", retry=False, json={"verb": verb, "jobs": list(job_ids), **arguments})

    def clone(self, job_id: str, changes: Mapping[str, Any] | None = None, idempotency_key: str | None = None) -> Json:
        """A new job from an old one's specification, with a merge patch laid over it."""
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        return self._ask(job_id, "clone", json=dict(changes or {}), headers=headers)


def _plain(spec: JobSpec | Mapping[str, Any]) -> Json:
    return spec.to_json() if isinstance(spec, JobSpec) else dict(spec)
