"""The client has a method for every operation of the service, and sends nothing that the operation does not take."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from service.app import create_app
from service.settings import Settings
from sparseift.client import Client

SPEC = {"model": {"name": "mlp"}, "dataset": {"name": "digits"}}
JOB = "job_1"
CALLS: dict[str, Callable[[Client], Any]] = {
    "answer": lambda c: c.answer(JOB, "ledger"),
    "archive": lambda c: c.archive(JOB),
    "artifact": lambda c: list(c.artifact(JOB, 4, "attempt-1/step-5/state.json")),
    "artifacts": lambda c: c.artifacts(JOB, 4),
    "audit": lambda c: list(c.audit()),
    "best": lambda c: c.best(JOB),
    "best_against_size": lambda c: c.best_against_size("digits", "dense"),
    "bulk": lambda c: c.bulk("pause", [JOB], running="finish"),
    "cancel": lambda c: c.cancel(JOB),
    "card": lambda c: [c.card(noun, "x") for noun in ("families", "models", "datasets")],
    "catalog": lambda c: [c.catalog(noun) for noun in ("families", "models", "datasets")],
    "clone": lambda c: c.clone(JOB, {"seed": 1}),
    "columns": lambda c: c.columns(JOB, since=9),
    "compare": lambda c: c.compare(JOB, ["a", "b"], "c"),
    "create_token": lambda c: c.create_token("n", "read", "p"),
    "curve": lambda c: c.curve(JOB),
    "curve_file": lambda c: c.curve_file(JOB, "svg"),
    "curve_frame": lambda c: c.curve_frame(JOB),
    "delete": lambda c: c.delete(JOB),
    "dry_run": lambda c: c.dry_run(SPEC),
    "dry_run_clone": lambda c: c.dry_run_clone(JOB),
    "environments": lambda c: c.environments(JOB),
    "equivalence": lambda c: c.equivalence(JOB),
    "events": lambda c: list(c.events(JOB, 3)),
    "export": lambda c: [*c.export(JOB), *c.export(JOB, "reports", "parquet")],
    "extend": lambda c: c.extend(JOB, {"search_trials": 9}),
    "follow": lambda c: list(c.follow(JOB)),
    "health": lambda c: c.health(),
    "importance": lambda c: c.importance(JOB),
    "is_ready": lambda c: c.is_ready(),
    "job": lambda c: c.job(JOB),
    "job_and_etag": lambda c: c.job_and_etag(JOB),
    "job_schema": lambda c: c.job_schema(),
    "jobs": lambda c: list(c.jobs("queued", limit=3, name="n", archived="any", sort="oldest")),
    "label": lambda c: c.label(JOB, {"name": "n"}, if_match='"7"'),
    "ledger": lambda c: c.ledger(JOB),
    "log": lambda c: list(c.log(JOB, 4, attempt=1)),
    "me": lambda c: c.me(),
    "metrics": lambda c: c.metrics(JOB, 4),
    "metrics_text": lambda c: c.metrics_text(),
    "pareto": lambda c: c.pareto(JOB),
    "pause": lambda c: c.pause(JOB),
    "prioritize": lambda c: c.prioritize(JOB, 3),
    "quota": lambda c: c.quota("project", "vision"),
    "quotas": lambda c: list(c.quotas()),
    "release_slot": lambda c: c.release_slot("desk/cpu:1"),
    "remove_quota": lambda c: c.remove_quota("project", "vision"),
    "report": lambda c: c.report(JOB, "markdown"),
    "resume": lambda c: c.resume(JOB),
    "revoke_token": lambda c: c.revoke_token("tok_1"),
    "set_quota": lambda c: c.set_quota("project", "vision", active_jobs=3),
    "slots": lambda c: c.slots(),
    "smooth": lambda c: c.smooth(JOB),
    "stop": lambda c: c.stop(JOB, "stop"),
    "submit": lambda c: c.submit(SPEC),
    "timeline": lambda c: c.timeline(JOB, newest=9),
    "token": lambda c: c.token("tok_1"),
    "tokens": lambda c: list(c.tokens()),
    "trial": lambda c: c.trial(JOB, 4),
    "trials": lambda c: list(c.trials(JOB, state="complete", family="dense", limit=3, sort="-value")),
    "trials_frame": lambda c: c.trials_frame(JOB),
    "unarchive": lambda c: c.unarchive(JOB),
    "wait": lambda c: c.wait(JOB),
    "wait_for_events": lambda c: c.wait_for_events(JOB, 3),
    "workers": lambda c: c.workers(),
}
ANSWER: dict[str, Any] = {  # to every question what its method reads of it
    "items": [], "next_page_token": None, "last_id": 0, "state": "succeeded", "points": [], "dense": None,
    "attempt": 1, "text": "", "next_offset": 0, "ended": True, "id": JOB,
}  # fmt: skip
PIECES = {"name": r".+", "slot": r".+"}  # path parameters that may hold slashes


@pytest.fixture(scope="module")
def operations() -> dict[tuple[str, str], set[str]]:
    """Of each operation its query parameters, by its method and the form of its path."""
    document = create_app(Settings(database_url="sqlite:///unused.db")).openapi()
    return {
        (method.upper(), path): {p["name"] for p in told.get("parameters", ()) if p["in"] == "query"}
        for path, item in document["paths"].items()
        for method, told in item.items()
    }


def met(operations: dict[tuple[str, str], set[str]], request: httpx.Request) -> tuple[str, str]:
    """The operation that a request means: of those that fit, the one with the most said literally."""
    fitting = []
    for method, path in operations:
        form = re.sub(r"\\{(\w+)\\}", lambda m: PIECES.get(m[1], r"[^/:]+"), re.escape(path))
        if method == request.method and re.fullmatch(form, request.url.path):
            fitting.append((method, path))
    assert fitting, f"there is no {request.method} {request.url.path}"
    return max(fitting, key=lambda found: len(re.sub(r"\{\w+\}", "", found[1])))


def test_every_method_is_called_here() -> None:
    public = {name for name in dir(Client) if not name.startswith("_")} - {"close"}
    assert public == set(CALLS)


def test_no_operation_is_without_a_method(operations: dict[tuple[str, str], set[str]]) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        streamed = request.headers.get("Accept") == "text/event-stream"
        return httpx.Response(204) if streamed else httpx.Response(200, json=ANSWER)

    with Client(transport=httpx.MockTransport(answer)) as client:
        for call in CALLS.values():
            call(client)
    reached = set()
    for request in asked:
        operation = met(operations, request)
        assert set(request.url.params) <= operations[operation], operation
        reached.add(operation)
    assert set(operations) - reached == set()
