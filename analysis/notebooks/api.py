"""What pages read of the service, over HTTP, with the viewer's rights. It asks again only for what changed."""

import os
import ssl
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Self

import httpx

from analysis.curve import Curve
from analysis.notebooks.jobs import Job as Job
from analysis.notebooks.jobs import Json as Json
from analysis.notebooks.memory import ANSWERS
from sparseift.errors import SparseIFTError

TIMEOUT_S = 30.0
LISTED_JOBS = 200  # newest; the page's menu
DEFAULT_URL = "http://127.0.0.1:8000"
VARIABLE = "SPARSEIFT_API"
ENDED = ("complete", "pruned", "infeasible", "failed", "cancelled")  # trials that change no more
AT_ONCE = 4  # requests of one page
KEPT = 64  # answers that a page remembers
THIN = 80  # points of each family that are read beside those that lead; more would only overlap
ATTEMPTS = 1000  # of the timeline, the newest
LOG_BYTES = 16_384  # shown of a log's end


class ApiError(SparseIFTError):
    """The service is away or refuses; the message says which, in a sentence."""


class Api:
    """The service behind a URL.

    Args:
        url: e.g. "http://127.0.0.1:8000".
        token: the viewer's; "" where the service asks for none.
    """

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._kept: OrderedDict[str, tuple[str, Any]] = OrderedDict()  # path -> (mark, answer)

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

    def curve(self, job_id: str, *, whole: bool = False) -> Curve:
        """A job's curve, thinned as charts draw it; the same object as before while it has not changed."""
        found: Curve = self._known(f"/v1/jobs/{job_id}/curve" + ("" if whole else f"?thin={THIN}"), Curve.from_json)
        return found

    def answer(self, job_id: str, question: str) -> Json:
        """What the analysis says of a job: "compare", "equivalence", "pareto?cost=…", "smooth", "importance" …"""
        found: Json = self._known(f"/v1/jobs/{job_id}/{question}", lambda found: found)
        return found

    def report(self, job_id: str) -> bytes:
        """The whole answer as one HTML file: what ran, what follows, and its limits."""
        return self._get(f"/v1/jobs/{job_id}/report", {"Accept": "text/html"}).content

    def trials(self, job_id: str, **filters: Any) -> Json:
        """A page of trials: `items` and `next_page_token`; filters, sort and limit as of the route."""
        given = {name: value for name, value in filters.items() if value not in (None, "", ())}
        page: Json = self._get(f"/v1/jobs/{job_id}/trials", params=given).json()
        return page

    def table(self, job: Job) -> list[Json]:
        """Every trial of a job, flat, by number; the same list until there is news, of which only the news is read."""
        path = f"/v1/jobs/{job.id}/trials/columns"
        key = (self.url, path)
        with ANSWERS.turn(key):
            since, found_before = ANSWERS.recall(key) or (0, [])
            known: list[Json] = found_before
            found = self._get(path, params={"since": since}).json()
            rows = _rows(found["columns"])
            if not found["is_whole"]:
                if not rows and known:
                    return known
                rows = list(({t["number"]: t for t in known} | {t["number"]: t for t in rows}).values())
                rows.sort(key=lambda t: t["number"])
            ANSWERS.keep(key, found["last_event"], rows)
            return rows

    def timeline(self, job_id: str) -> list[Json]:
        """The job's newest attempts, oldest first, flat; the same list until one begins or ends."""
        found: list[Json] = self._known(
            f"/v1/jobs/{job_id}/trials/timeline?newest={ATTEMPTS}", lambda found: _rows(found["columns"])
        )
        return found

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

    def layers(self, job_id: str, trial: Json) -> Json | None:
        """What the newest attempt's layers are, of the newest that has left a table; None where none has."""
        for attempt in list(trial["attempts"])[::-1][:2]:
            path = f"/v1/jobs/{job_id}/trials/{trial['number']}/artifacts/attempt-{attempt['number']}/layers.json"
            try:
                found: Json = self._known(path, lambda found: found)
            except ApiError:  # no such file, or a service that reads none
                continue
            return found
        return None

    def over_jobs(self) -> Json:
        """Best sparsity against the model's size, over the viewer's jobs."""
        found: Json = self._known("/v1/meta/best-against-size", lambda found: found)
        return found

    def slots(self) -> list[Json]:
        """The places where attempts run."""
        return list(self._get("/v1/slots", params={"limit": 100}).json()["items"])

    def _known(self, path: str, make: Any) -> Any:
        """An answer that has an ETag: asked for with this viewer's token, read anew only where it has changed."""
        key = (self.url, path)
        with ANSWERS.turn(key):
            tag, known = ANSWERS.recall(key) or ("", None)
            headers = {"Accept": "application/json"} | ({"If-None-Match": tag} if tag else {})
            answer = self._get(path, headers=headers)
            if answer.status_code == httpx.codes.NOT_MODIFIED and tag:
                return known
            found = make(answer.json())
            if "etag" in answer.headers:
                ANSWERS.keep(key, answer.headers["etag"], found)
            return found

    def _each(self, asked: Sequence[tuple[str, str]], make: Any) -> list[Any]:
        """Answers to (path, mark), a few at once; one whose mark is known and not empty is not asked for again."""

        def ask(one: tuple[str, str]) -> Any:
            path, mark = one
            known, found = self._kept.get(path, ("", None))
            if found is not None and mark and known == mark:
                return found
            found = make(self._get(path).json())
            self._kept[path] = (mark, found)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return found

        if not asked:
            return []
        with ThreadPoolExecutor(min(AT_ONCE, len(asked))) as pool:
            return list(pool.map(ask, asked))

    def _get(self, path: str, headers: dict[str, str] | None = None, **arguments: Any) -> httpx.Response:
        try:
            answer = _client().get(self.url + path, headers={**self._headers, **(headers or {})}, **arguments)
        except httpx.TransportError as error:
            raise ApiError(f"The service at {self.url} does not answer ({type(error).__name__}).") from error
        if answer.is_error:
            raise ApiError(_reason(answer))
        return answer


@cache  # its certificates take 30 ms to read; it holds nobody's token, and cookies come from no service of ours
def _client() -> httpx.Client:
    return httpx.Client(timeout=TIMEOUT_S, trust_env=False, verify=tls())


@cache
def tls() -> ssl.SSLContext:
    """How services behind TLS are checked."""
    return httpx.create_ssl_context(trust_env=False)


def _rows(columns: Json) -> list[Json]:
    """Columns as a row each."""
    names = tuple(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _reason(answer: httpx.Response) -> str:
    """The service's own sentence (problem+json), or the status."""
    try:
        detail = answer.json().get("detail")
    except (ValueError, AttributeError):
        detail = None
    return str(detail or f"The service answered {answer.status_code} to {answer.request.url.path}.")
