"""What pages read of the service, over HTTP, with the viewer's rights. It asks again only for what changed."""

import csv
import io
import os
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, Self

import httpx

from analysis.curve import Curve
from sparseift.errors import SparseIFTError
from sparseift.records import Metric

TIMEOUT_S = 30.0
LISTED_JOBS = 200  # newest; the page's menu
DEFAULT_URL = "http://127.0.0.1:8000"
VARIABLE = "SPARSEIFT_API"
ACTIVE = ("queued", "running", "paused", "stopping")
ENDED = ("complete", "pruned", "infeasible", "failed", "cancelled")  # trials that change no more
AT_ONCE = 4  # requests of one page
KEPT = 64  # answers that a page remembers
EVENTS = 500  # of a page of events
PAGES_OF_EVENTS = 8  # that are read of a history
LOG_BYTES = 16_384  # shown of a log's end

Json = dict[str, Any]


class ApiError(SparseIFTError):
    """The service is away or refuses; the message says which, in a sentence."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the menu, the overview and the progress bar show it.

    Attributes:
        progress: share of its planned trials that have ended, 0 to 1.
        failed: trials that failed.
        headline, best, eta_seconds: the answer so far; empty in lists.
        counts: trials per state; planned: trials of its plan.
    """

    id: str
    name: str
    state: str
    message: str
    progress: float
    eta_seconds: float | None
    failed: int
    headline: str = ""
    best: tuple[tuple[str, Any], ...] = ()
    metric_name: str = ""
    metric_unit: str = ""
    metric_direction: str = "maximize"
    model: str = ""
    dataset: str = ""
    families: tuple[str, ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    planned: int = 0
    created_at: str = ""
    updated_at: str = ""
    total_steps: int = 0

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """From an element of `GET /v1/jobs` or from `GET /v1/jobs/{id}`."""
        counts = value.get("trials", {})
        return cls(
            id=value["id"],
            name=value["name"],
            state=value["state"],
            message=value.get("message", ""),
            progress=float(value.get("progress", 0.0)),
            eta_seconds=value.get("eta_seconds"),
            failed=int(counts.get("failed", 0)),
            headline=value.get("headline", ""),
            best=tuple((value.get("best") or {}).items()),
            metric_name=value.get("metric", {}).get("name", ""),
            metric_unit=value.get("metric", {}).get("unit", ""),
            metric_direction=value.get("metric", {}).get("direction", "maximize"),
            model=value.get("model", ""),
            dataset=value.get("dataset", ""),
            families=tuple(value.get("families", ())),
            counts=tuple(counts.items()),
            planned=int(value.get("planned_trials", {}).get("total", 0)),
            created_at=value.get("created_at", ""),
            updated_at=value.get("updated_at", ""),
            total_steps=int(value.get("plan", {}).get("total_steps", 0)),
        )

    @property
    def metric(self) -> Metric:
        """What its trials measure."""
        better: Literal["maximize", "minimize"] = "minimize" if self.metric_direction == "minimize" else "maximize"
        return Metric(self.metric_name, self.metric_unit, better)

    @property
    def is_active(self) -> bool:
        """Whether more may come."""
        return self.state in ACTIVE


class Api:
    """The service behind a URL.

    Args:
        url: e.g. "http://127.0.0.1:8000".
        token: the viewer's; "" where the service asks for none.
    """

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=self.url, timeout=TIMEOUT_S, trust_env=False, headers=headers)
        self._curves: dict[str, tuple[str, Curve]] = {}  # job -> (ETag, curve)
        self._kept: OrderedDict[str, tuple[str, Any]] = OrderedDict()  # path -> (ETag or mark, answer)

    @classmethod
    def from_environment(cls, token: str = "") -> Self:
        """The service that `SPARSEIFT_API` names; the local one by default."""
        return cls(os.environ.get(VARIABLE, DEFAULT_URL), token)

    def jobs(self, **filters: str) -> list[Job]:
        """The newest jobs, newest first; filters as of `GET /v1/jobs`."""
        page = self._get("/v1/jobs", params={"limit": LISTED_JOBS, **filters}).json()
        return [Job.from_json(item) for item in page["items"]]

    def job(self, job_id: str) -> Job:
        """One job."""
        return Job.from_json(self._get(f"/v1/jobs/{job_id}").json())

    def details(self, jobs: Sequence[Job]) -> list[Job]:
        """Jobs of a list with their answers so far; ended ones are asked for once."""
        return self._each([(f"/v1/jobs/{job.id}", job.updated_at + job.state) for job in jobs], Job.from_json)

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

    def answer(self, job_id: str, question: str) -> Json:
        """What the analysis says of a job: "compare", "equivalence", "pareto?cost=…", "smooth", "importance" …"""
        path = f"/v1/jobs/{job_id}/{question}"
        tag, known = self._kept.get(path, ("", None))
        answer = self._get(path, headers={"If-None-Match": tag} if tag else {})
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return known  # type: ignore[no-any-return]
        found: Json = answer.json()
        self._keep(path, answer.headers.get("etag", ""), found)
        return found

    def trials(self, job_id: str, **filters: Any) -> Json:
        """A page of trials: `items` and `next_page_token`; filters, sort and limit as of the route."""
        given = {name: value for name, value in filters.items() if value not in (None, "", ())}
        page: Json = self._get(f"/v1/jobs/{job_id}/trials", params=given).json()
        return page

    def table(self, job: Job) -> list[Json]:
        """Every trial of a job, flat, in one streamed answer; the same list until there is news."""
        path, mark = f"/v1/jobs/{job.id}/trials/export?format=csv", f"{job.updated_at} {job.counts}"
        known, rows = self._kept.get(path, ("", None))
        if rows is None or known != mark:
            text = self._get(path, headers={"Accept": "text/csv"}).text
            rows = [{k: _typed(v) for k, v in row.items()} for row in csv.DictReader(io.StringIO(text))]
            self._keep(path, mark, rows)
        return rows  # type: ignore[no-any-return]

    def trial(self, job_id: str, number: int) -> Json:
        """A trial with its attempts and its course."""
        found: Json = self._get(f"/v1/jobs/{job_id}/trials/{number}").json()
        return found

    def courses(self, job_id: str, trials: Sequence[Json], points: int) -> list[Json]:
        """Courses of several trials, each measure thinned to so many points; ended ones are asked for once."""
        asked = [
            (
                f"/v1/jobs/{job_id}/trials/{t['number']}/metrics?points={points}",
                t["state"] if t["state"] in ENDED else "",
            )
            for t in trials
        ]
        return self._each(asked, lambda found: found)

    def log(self, job_id: str, number: int) -> str:
        """The end of the newest attempt's output; a sentence where there is none."""
        try:
            piece = self._get(f"/v1/jobs/{job_id}/trials/{number}/log", params={"offset": -LOG_BYTES}).json()
        except ApiError as error:
            return str(error)
        return str(piece["text"])

    def history(self, job_id: str) -> list[Json]:
        """A job's events, oldest first; of a long history the newest. What was read before is not asked for again."""
        path = f"/v1/jobs/{job_id}/events"
        after, found = self._kept.get(path, ("", []))
        known: list[Json] = list(found)
        last = int(after or 0)
        page: list[Json] = []
        for _ in range(PAGES_OF_EVENTS):
            page = self._events(job_id, last)
            known += page
            last = page[-1]["id"] if page else last
            if len(page) < EVENTS:
                break
        if len(page) == EVENTS:
            known, last = self._newest(job_id, last)
        known = known[-PAGES_OF_EVENTS * EVENTS :]
        self._keep(path, str(last), known)
        return known

    def _events(self, job_id: str, after: int, limit: int = EVENTS) -> list[Json]:
        page = self._get(f"/v1/jobs/{job_id}/events", params={"after": after, "limit": limit}).json()
        return list(page["items"])

    def _newest(self, job_id: str, low: int) -> tuple[list[Json], int]:
        """The last events of a long log, whose end is found by bisection: ids rise, but not one by one."""
        step = EVENTS
        while self._events(job_id, low + step, 1):
            low, step = low + step, 2 * step
        high = low + step
        while high - low > EVENTS:
            middle = (low + high) // 2
            low, high = (middle, high) if self._events(job_id, middle, 1) else (low, middle)
        last, found = max(0, high - PAGES_OF_EVENTS * EVENTS), []
        while page := self._events(job_id, last):
            found += page
            last = page[-1]["id"]
        return found, last

    def slots(self) -> list[Json]:
        """The places where attempts run."""
        return list(self._get("/v1/slots", params={"limit": 100}).json()["items"])

    def me(self) -> Json:
        """Whom the service takes the viewer for."""
        found: Json = self._get("/v1/me").json()
        return found

    def _each(self, asked: Sequence[tuple[str, str]], make: Any) -> list[Any]:
        """Answers to (path, mark), a few at once; one whose mark is known and not empty is not asked for again."""

        def ask(one: tuple[str, str]) -> Any:
            path, mark = one
            known, found = self._kept.get(path, ("", None))
            if found is not None and mark and known == mark:
                return found
            found = make(self._get(path).json())
            self._keep(path, mark, found)
            return found

        if not asked:
            return []
        with ThreadPoolExecutor(min(AT_ONCE, len(asked))) as pool:
            return list(pool.map(ask, asked))

    def _keep(self, path: str, mark: str, found: Any) -> None:
        self._kept[path] = (mark, found)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def _get(self, path: str, **arguments: Any) -> httpx.Response:
        try:
            answer = self._http.get(path, **arguments)
        except httpx.TransportError as error:
            raise ApiError(f"The service at {self.url} does not answer ({type(error).__name__}).") from error
        if answer.is_error:
            raise ApiError(_reason(answer))
        return answer


def _typed(text: str) -> Any:
    """A cell of a CSV file: a number where it is one, None where it is empty."""
    if text == "":
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _reason(answer: httpx.Response) -> str:
    """The service's own sentence (problem+json), or the status."""
    try:
        detail = answer.json().get("detail")
    except (ValueError, AttributeError):
        detail = None
    return str(detail or f"The service answered {answer.status_code} to {answer.request.url.path}.")
