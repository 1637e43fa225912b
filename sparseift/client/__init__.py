"""A small synchronous client of the HTTP API: a method for each operation, problem+json turned into sentences.

Needs the `client` extra (httpx). What may be said twice is tried again with backoff, and after the time that the
service asks for; a submission too, because it carries an idempotency key. The JSON of every route is described in
docs/reference/http.md and by the service's /openapi.json.
"""

from sparseift.client.access import Access
from sparseift.client.answers import Answers, Cost, CurveFormat, Question, ReportFormat
from sparseift.client.connection import DEFAULT_URL
from sparseift.client.errors import RETRIED_STATUS, ApiError, Json, Unreachable, is_away
from sparseift.client.events import ENDED_STATES, Events
from sparseift.client.fleet import Fleet
from sparseift.client.jobs import Jobs
from sparseift.client.trials import Trials

__all__ = [
    "DEFAULT_URL", "ENDED_STATES", "RETRIED_STATUS", "ApiError", "Client", "Cost", "CurveFormat", "Json", "Question",
    "ReportFormat", "Unreachable", "is_away",
]  # fmt: skip


class Client(Jobs, Trials, Answers, Events, Fleet, Access):
    """The whole API at one address; see `Connection` for its arguments.

    Example:
        with Client("http://127.0.0.1:8000") as client:
            job = client.submit({"model": {"name": "mlp"}, "dataset": {"name": "digits"}})
            print(client.wait(job["id"])["headline"])
    """
