"""The whole OpenAPI document against a real server that requires tokens, by schemathesis.

Every operation gets its documented examples, the boundaries of its schema from both sides, random data from both sides,
and chains of requests along the document's links. The examples are bounded and always the same;
`SPARSEIFT_FUZZ_EXAMPLES=200` asks for a long run.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import events, from_schema
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import RejectedPositiveData

from service.app import create_app
from service.settings import Settings
from store.sessions import Database
from tests.service.contract import world
from tests.service.contract.world import World

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = int(os.environ.get("SPARSEIFT_FUZZ_EXAMPLES", "4"))  # random ones of each operation
HARMLESS_ID = f"tok_{'0' * 22}"
NAMES = {
    "show_family": "sparse_wide",
    "show_model": "mlp",
    "show_dataset": "digits",
    "read_artifact": "attempt-1/attempt.log",
}

# What a schema cannot say: catalogs, states, other fields of the same request. These refusals alone are no failures.
CODES = {"unknown-name", "infeasible", "nothing-to-transform", "stale-etag", "range-not-satisfiable"} | {
    "method-not-allowed",  # of `/v1/jobs/x:cancel`, tried as a job's address
}
A_JOB = (
    "dataset.name", "model.arguments", "dataset.arguments", "training", "nonlinearity", "start_from", "budget",
    "space", "families", "ladder", "model", "dataset", "in_flight", "",
)  # fmt: skip
FIELDS: dict[str, tuple[str, ...]] = {
    "submit_job": A_JOB,
    "clone_job": A_JOB,
    "extend_job": ("",),  # only ever upwards
    "change_jobs": ("body", "jobs"),  # a verb's own arguments; no job twice
    "create_token": ("",),  # without a project for admins alone
    "compare_points": ("reference", "key"),  # configurations of this job
}


@contextmanager
def served(url: str, artifacts: Path) -> Iterator[str]:
    """The server's address, while it runs."""
    command = [sys.executable, "-m", "tests.service.contract.server", url, str(artifacts)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        assert process.poll() is None, "the server has ended"
    finally:
        process.kill()
        process.communicate()


class Real:
    """Gives every other request the address of something that there is, where chance would find nothing."""

    def __init__(self, here: World) -> None:
        self._values = {"job": here.jobs, "token": here.tokens, "slot": ("here/cpu:0", "here/cuda:1"), "number": (7, 1)}
        self._values |= {"kind": ("project",), "subject": ("vision",)}
        self._ended = here.jobs[3]
        self._seen: Counter[str] = Counter()

    def put(self, operation: str, path: dict[str, Any]) -> None:
        """Change path parameters in place."""
        self._seen[operation] += 1
        turn, is_odd = divmod(self._seen[operation], 2)
        if not is_odd:
            return
        for name in path:
            values = (NAMES[operation],) if name == "name" else self._values.get(name)
            if values is not None:
                path[name] = values[turn % len(values)]
        if operation == "archive_job":
            path["job"] = self._ended


def is_negative(case: Any) -> bool:
    """Whether the address is wrong on purpose."""
    return bool(case.meta.is_negative_at(ParameterLocation.PATH))


@contextmanager
def bounded(here: World) -> Iterator[None]:
    """Every request is kept short, and the run's own token alive."""
    real = Real(here)
    addresses = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in count(1))

    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        # One address may not send many wrong tokens: each request comes from its own, as through a proxy.
        case.headers["X-Forwarded-For"] = next(addresses)
        query, path = case.query or {}, case.path_parameters or {}
        if isinstance(query.get("wait_s"), int | float):
            query["wait_s"] = min(query["wait_s"], 0.05)
        if query.get("follow") and path.get("job") == here.running:
            query["follow"] = False  # it would not end before the test
        operation = case.operation.definition.raw["operationId"]
        if case.meta is not None and case.meta.phase.name is not TestPhase.STATEFUL and not is_negative(case):
            real.put(operation, path)
        if operation == "revoke_token" and path.get("token") == here.token_id:
            path["token"] = HARMLESS_ID
        if operation == "delete_job" and path.get("job") in (here.finished, here.running):
            path["job"] = "job_0"
        if operation == "put_quota" and path.get("subject") in ("default", here.token_id):
            path["subject"] = "fuzz" if path["subject"] == "default" else HARMLESS_ID

    schemathesis.hook(before_call)
    try:
        yield
    finally:
        schemathesis.hooks.unregister(before_call)


def described(address: str, here: World, phases: set[str]) -> Any:
    """The document as schemathesis reads it, and what counts as a failure."""
    config = SchemathesisConfig.from_dict(
        {
            "base-url": address,
            "continue-on-failure": True,
            "request-timeout": 30,
            "generation": {
                "max-examples": EXAMPLES,
                "deterministic": True,
                "database": "none",
                "no-shrink": True,
            },
            "phases": {name: {"enabled": name in phases} for name in ("examples", "coverage", "fuzzing")}
            | {"stateful": {"enabled": "stateful" in phases, "generation": {"max-examples": 10 * EXAMPLES}}},
            # A clone's body is a job's, whose boundaries are many.
            "operations": [{"include-operation-id": "clone_job", "phases": {"coverage": {"enabled": False}}}],
            "auth": {"openapi": {"bearer": {"bearer": here.token}}},
        }
    )
    app = create_app(Settings("sqlite:///unused.db", require_tokens=True))
    schema = schemathesis.openapi.from_dict(plain(app.openapi()), config=config)

    @schema.hook
    def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
        """Keep it, unless a valid request was refused for what no schema says."""
        return not (isinstance(failure, RejectedPositiveData) and is_beyond_schema(case, response.json()))

    return schema


def is_beyond_schema(case: Any, problem: dict[str, Any]) -> bool:
    """Whether a request's refusal is one that its schema cannot foresee."""
    if problem["code"] in CODES:
        return True
    known = (*FIELDS.get(case.operation.definition.raw["operationId"], ()), "page_token")
    named = [error["field"] for error in problem.get("errors") or [{"field": ""}]]
    return problem["code"] == "invalid-request" and all(
        any(field == name or (name and field.startswith(f"{name}.")) for name in known) for field in named
    )


def plain(value: Any) -> Any:
    """A document without `prefixItems`, which schemathesis turns into an illegal `items` when it infers links."""
    if isinstance(value, dict):
        pairs = {"items": {"type": "number"}} if "prefixItems" in value else {}
        return {key: plain(inner) for key, inner in value.items() if key != "prefixItems"} | pairs
    return [plain(inner) for inner in value] if isinstance(value, list) else value


class Outcome:
    """What a run has found."""

    def __init__(self) -> None:
        self.failures: dict[tuple[str, str, str], str] = {}
        self.errors: list[str] = []
        self.requests: Counter[int] = Counter()
        self.succeeded: set[str] = set()
        self.links: set[tuple[str, str]] = set()

    def add(self, event: events.EngineEvent) -> None:
        """Take note of one event of the engine."""
        if isinstance(event, events.FatalError):
            raise event.exception
        if isinstance(event, events.NonFatalError):
            self.errors.append(f"{event.label}: {event.value!r}")
        if not isinstance(event, events.ScenarioFinished):
            return
        cases, told = event.recorder.cases, event.recorder.interactions
        for case_id, interaction in told.items():
            if interaction.response is not None:
                status = interaction.response.status_code
                self.requests[status] += 1
                if status < 300 and case_id in cases:
                    self.succeeded.add(cases[case_id].value.operation.label)
        for node in cases.values():
            if node.transition is not None and node.parent_id in cases:
                parent = cases[node.parent_id].value.operation.label
                self.links.add((parent, node.value.operation.label))
        for case_id, checks in event.recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    label = cases[case_id].value.operation.label
                    sample = check.failure_info.code_sample
                    response = told[case_id].response if case_id in told else None
                    answer = response.text[:500] if response is not None else ""
                    self.failures.setdefault(
                        (check.name, label, failure.title), f"{failure.message[:500]}\n{sample[:700]}\n{answer}"
                    )


def run(url: str, tmp_path: Path, phases: set[str]) -> tuple[Outcome, Any]:
    """Run some phases against a fresh server."""
    database = Database(url)
    here = world.make(database, tmp_path)
    database.close()
    found = Outcome()
    with served(url, tmp_path) as address, bounded(here):
        schema = described(address, here, phases)
        for event in from_schema(schema).execute():
            found.add(event)
    told = "\n\n".join(f"{' | '.join(key)}\n{text}" for key, text in sorted(found.failures.items()))
    assert not found.errors, "\n".join(found.errors)
    assert not found.failures, f"{len(found.failures)} failures:\n\n{told}"
    return found, schema


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_boundaries_of_every_schema_from_both_sides(database_url: str, tmp_path: Path) -> None:
    """Not random: each limit, type, format, required field, unknown field and method."""
    found, _ = run(database_url, tmp_path, {"coverage"})
    assert found.requests[422] > 500
    assert found.requests[401] > 50, "operations are asked without a token, too"
    assert not {status for status in found.requests if status >= 500}


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_examples_random_requests_and_chains_along_links(database_url: str, tmp_path: Path) -> None:
    found, schema = run(database_url, tmp_path, {"examples", "fuzzing", "stateful"})
    assert not {status for status in found.requests if status >= 500}
    operations = {result.ok().label for result in schema.get_all_operations()}
    assert operations == found.succeeded, "something of each must have been answered, not refused"
    assert len(found.links) >= 10, found.links
