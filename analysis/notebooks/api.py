"""What a page reads of the service, over HTTP: the job list, a job, its curve. It asks again only for what changed."""

import os
from dataclasses import dataclass
from typing import Any, Self

import httpx

from analysis.curve import Curve
from sparseift.errors import SparseIFTError

TIMEOUT_S = 10.0
LISTED_JOBS = 200  # newest; the page's menu
DEFAULT_URL = "http://127.0.0.1:8000"
VARIABLE = "SPARSEIFT_API"
ACTIVE = ("queued", "running", "paused", "stopping")


class ApiError(SparseIFTError):
    """The service is away or refuses; the message says which, in a sentence."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the menu and the progress bar show it.

    Attributes:
        progress: share of its planned trials that have ended, 0 to 1.
        headline: the answer so far; "" in lists.
        failed: trials that failed.
    """

    id: str
    name: str
    state: str
    message: str
    progress: float
    eta_seconds: float | None
    failed: int

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """From an element of `GET /v1/jobs` or from `GET /v1/jobs/{id}`."""
        return cls(
            id=value["id"],
            name=value["name"],
            state=value["state"],
            message=value.get("message", ""),
            progress=float(value.get("progress", 0.0)),
            eta_seconds=value.get("eta_seconds"),
            failed=int(value.get("trials", {}).get("failed", 0)),
        )

    @property
    def is_active(self) -> bool:
        """Whether more may come."""
        return self.state in ACTIVE


class Api:
    """The service behind a URL.

    Args:
        url: e.g. "http://127.0.0.1:8000".
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, timeout=TIMEOUT_S, trust_env=False)
        self._curves: dict[str, tuple[str, Curve]] = {}  # job -> (ETag, curve)

    @classmethod
    def from_environment(cls) -> Self:
        """The service that `SPARSEIFT_API` names; the local one by default."""
        return cls(os.environ.get(VARIABLE, DEFAULT_URL))

    def jobs(self) -> list[Job]:
        """The newest jobs, newest first."""
        page = self._get("/v1/jobs", params={"limit": LISTED_JOBS}).json()
        return [Job.from_json(item) for item in page["items"]]

    def job(self, job_id: str) -> Job:
        """One job."""
        return Job.from_json(self._get(f"/v1/jobs/{job_id}").json())

    def curve(self, job_id: str) -> Curve:
        """A job's curve; the same object as before while it has not changed."""
        tag, known = self._curves.get(job_id, ("", None))
        headers = {"Accept": "application/json"} | ({"If-None-Match": tag} if tag else {})
        answer = self._get(f"/v1/jobs/{job_id}/curve", headers=headers)
        if answer.status_code == httpx.codes.NOT_MODIFIED and known is not None:
            return known
        curve = Curve.from_json(answer.json())
        self._curves = {job_id: (answer.headers.get("etag", ""), curve)}  # a page shows one
        return curve

    def _get(self, path: str, **arguments: Any) -> httpx.Response:
        try:
            answer = self._http.get(path, **arguments)
        except httpx.TransportError as error:
            raise ApiError(f"The service at {self.url} does not answer ({type(error).__name__}).") from error
        if answer.is_error:
            raise ApiError(_reason(answer))
        return answer


def _reason(answer: httpx.Response) -> str:
    """The service's own sentence (problem+json), or the status."""
    try:
        detail = answer.json().get("detail")
    except (ValueError, AttributeError):
        detail = None
    return str(detail or f"The service answered {answer.status_code} to {answer.request.url.path}.")
