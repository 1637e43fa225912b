"""A small synchronous client of the HTTP API: one method per route, problem+json turned into sentences.

Needs the `client` extra (httpx). Reads are tried again with backoff; a submission too, because it carries an
idempotency key. The JSON of every route is described in docs/reference/http.md and by the service's /openapi.json.
"""

import time
import uuid
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from sparseift.errors import SparseIFTError
from sparseift.records import JobSpec

DEFAULT_URL = "http://127.0.0.1:8000"
BACKOFF = (0.1, 0.3, 0.6)  # seconds before the second, third and fourth try
RETRIED_STATUS = frozenset({502, 503, 504})
LOG_POLL = 0.5  # seconds between looks for more output
PAGE = 100  # rows asked for at once

Json = dict[str, Any]
CurveFormat = Literal["json", "csv", "svg", "png", "html"]


class ApiError(SparseIFTError):
    """The service refused a request.

    Attributes:
        status: HTTP status; 0 where no answer came at all.
        code: the problem's stable word ("unknown_name").
        errors: one entry per wrong field, as the service names them.
    """

    def __init__(self, message: str, status: int = 0, code: str = "", errors: tuple[Json, ...] = ()) -> None:
        self.status, self.code, self.errors = status, code, errors
        super().__init__(message)


class Unreachable(ApiError):
    """No service answers at the address."""


class Client:
    """The API at `url`; a context manager that closes its connections.

    Args:
        url: the service's address, without a path.
        timeout_s: for one answer; curves with pictures are drawn by the service and may take seconds.
        transport: an httpx transport in place of the network, for tests against an app in this process.
    """

    def __init__(
        self, url: str = DEFAULT_URL, *, timeout_s: float = 30.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url = url.rstrip("/")
        # trust_env=False: a proxy from the environment must never see what is meant for loopback.
        self._http = httpx.Client(base_url=self.url, timeout=timeout_s, transport=transport, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def is_ready(self) -> bool:
        """Whether the service answers and its database is at the right revision; one try, never raises."""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

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

    def jobs(self, state: str | None = None) -> Iterator[Json]:
        """Every job, newest first, page by page."""
        return self._pages("/v1/jobs", {"state": state} if state else {})

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

    def clone(self, job_id: str, changes: Mapping[str, Any] | None = None, idempotency_key: str | None = None) -> Json:
        """A new job from an old one's specification, with a merge patch laid over it."""
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        return self._ask(job_id, "clone", json=dict(changes or {}), headers=headers)

    def trials(self, job_id: str, *, state: str | None = None, family: str | None = None) -> Iterator[Json]:
        """A job's trials by number, page by page."""
        wanted = {"state": state, "family": family}
        return self._pages(f"/v1/jobs/{job_id}/trials", {k: v for k, v in wanted.items() if v})

    def trial(self, job_id: str, number: int) -> Json:
        """One trial with its attempts' reports."""
        return self._json("GET", f"/v1/jobs/{job_id}/trials/{number}")

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

    def best(self, job_id: str) -> Json:
        """The best configuration of each family, compared with dense."""
        return self._json("GET", f"/v1/jobs/{job_id}/best")

    def curve(self, job_id: str) -> Json:
        """The iso-FLOP curve as JSON."""
        return self._json("GET", f"/v1/jobs/{job_id}/curve")

    def curve_file(self, job_id: str, file_format: CurveFormat) -> bytes:
        """The iso-FLOP curve as a file's bytes."""
        return self._send("GET", f"/v1/jobs/{job_id}/curve", params={"format": file_format}).content

    def events(self, job_id: str, after: int = 0) -> Iterator[Json]:
        """What happened to a job after the event of that id, oldest first; ends at the newest."""
        while True:
            page = self._json("GET", f"/v1/jobs/{job_id}/events", params={"after": after, "limit": PAGE})
            yield from page["items"]
            if len(page["items"]) < PAGE:
                return
            after = page["items"][-1]["id"]

    def catalog(self, noun: Literal["families", "models", "datasets"]) -> list[Json]:
        """A catalog: names, summaries and arguments."""
        items: list[Json] = self._json("GET", f"/v1/{noun}")["items"]
        return items

    def _ask(self, job_id: str, verb: str, **request: Any) -> Json:
        """A verb, which may be said again."""
        return self._json("POST", f"/v1/jobs/{job_id}:{verb}", retry=True, **request)

    def _pages(self, path: str, params: dict[str, Any]) -> Iterator[Json]:
        token: str | None = None
        while True:
            page = self._json("GET", path, params={**params, "limit": PAGE} | ({"page_token": token} if token else {}))
            yield from page["items"]
            token = page.get("next_page_token")
            if not token:
                return

    def _json(self, method: str, path: str, *, retry: bool = True, **request: Any) -> Json:
        value: Json = self._send(method, path, retry=retry, **request).json()
        return value

    def _send(self, method: str, path: str, *, retry: bool = True, **request: Any) -> httpx.Response:
        for pause in (*BACKOFF, None) if retry else (None,):
            try:
                response = self._http.request(method, path, **request)
            except httpx.TransportError as error:
                if pause is None:
                    raise self._unreachable(error) from error
            else:
                if response.status_code not in RETRIED_STATUS or pause is None:
                    return _checked(response)
            time.sleep(pause)
        raise AssertionError("the last try has no pause: it returns or raises")

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        if isinstance(error, httpx.ConnectError):
            return Unreachable(f"No sparseift service answers at {self.url}; start one with `sparseift serve`.")
        return Unreachable(f"The sparseift service at {self.url} did not answer ({type(error).__name__}).")


def _plain(spec: JobSpec | Mapping[str, Any]) -> Json:
    return spec.to_json() if isinstance(spec, JobSpec) else dict(spec)


def _checked(response: httpx.Response) -> httpx.Response:
    """The response, or its problem as an ApiError with the service's own sentence."""
    if response.is_success:
        return response
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict) or "detail" not in problem:
        raise ApiError(
            f"{response.request.url} answered {response.status_code} without a sentence; is it a sparseift service?",
            response.status_code,
        )
    raise ApiError(
        str(problem["detail"]),
        response.status_code,
        problem.get("code", ""),
        tuple(problem.get("errors") or ()),
    )
