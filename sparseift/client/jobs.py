"""What is asked of jobs."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from sparseift.client.connection import Connection, given
from sparseift.client.errors import ApiError, Json
from sparseift.records import JobSpec


class Jobs(Connection):
    """Submitting, finding, steering and keeping jobs."""

    def submit(self, spec: JobSpec | Mapping[str, Any], idempotency_key: str | None = None) -> Json:
        """Submits a search and returns the job; with the same key and spec, the same job again.

        Raises:
            ApiError: the service's sentence, for example with the known models. Where its answer was lost and the job
                may be there all the same, the error has the `idempotency_key` to go on with.
        """
        return self._made("/v1/jobs", _plain(spec), idempotency_key)

    def dry_run(self, spec: JobSpec | Mapping[str, Any]) -> Json:
        """The plan that the service would accept the search with: exact sizes and FLOPs, nothing stored."""
        return self._planned("/v1/jobs", _plain(spec), params={"dry_run": "true"})

    def jobs(
        self, state: str | Sequence[str] | None = None, *, limit: int | None = None, **filters: Any
    ) -> Iterator[Json]:
        """Jobs page by page, newest first.

        Args:
            state: of these states only.
            limit: at most so many.
            filters: as the route has them: name, model, dataset, family, label ("key:value"), archived ("false",
                "true", "any"), sort ("newest", "oldest", "priority", "updated"); a list is said more than once.
        """
        return self._pages("/v1/jobs", given(state=state, **filters), limit)

    def job(self, job_id: str) -> Json:
        """One job: state, reason, counts of its trials per state."""
        return self._json("GET", f"/v1/jobs/{job_id}")

    def job_and_etag(self, job_id: str) -> tuple[Json, str]:
        """One job, and the ETag of what `label` may change about it."""
        answer = self._send("GET", f"/v1/jobs/{job_id}")
        return answer.json(), answer.headers.get("ETag", "")

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

    def label(self, job_id: str, changes: Mapping[str, Any], if_match: str | None = None) -> Json:
        """A job with another `name` or other `labels` (a merge patch: null takes a label away).

        Args:
            if_match: an ETag of `job_and_etag`: nothing is changed where somebody has changed the job since.
        """
        headers = {} if if_match is None else {"If-Match": if_match}
        # Said again after a success whose answer was lost, it would find its own change and be refused.
        return self._json("PATCH", f"/v1/jobs/{job_id}", json=dict(changes), headers=headers, retry=if_match is None)

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
        """A new job from an old one's specification, with a merge patch laid over it; errors as `submit`."""
        return self._made(f"/v1/jobs/{job_id}:clone", dict(changes or {}), idempotency_key)

    def dry_run_clone(self, job_id: str, changes: Mapping[str, Any] | None = None) -> Json:
        """The plan of the job that `clone` would make; nothing is stored."""
        return self._planned(f"/v1/jobs/{job_id}:clone", dict(changes or {}), params={"dry_run": "true"})

    def _planned(self, path: str, body: Json, **request: Any) -> Json:
        """What the service answers once it has solved a job's sizes, which may take minutes."""
        return self._json("POST", path, json=body, timeout=self._plan_timeout, **request)

    def _made(self, path: str, body: Json, key: str | None) -> Json:
        """A new job, under a key that the caller learns where it is needed."""
        key = key or uuid.uuid4().hex
        try:
            return self._planned(path, body, headers={"Idempotency-Key": key})
        except ApiError as error:
            if not error.is_unsure:
                raise
            sentence = "The job may have been made all the same; say the same again with the idempotency key"
            told = error.saying(f"{error} {sentence} {key} to get it, and no second one.")
            told.idempotency_key = key
            raise told from error


def _plain(spec: JobSpec | Mapping[str, Any]) -> Json:
    return spec.to_json() if isinstance(spec, JobSpec) else dict(spec)
