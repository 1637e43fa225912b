"""Every route × every kind of token. The routes are the application's own: one that is added is tested at once, and
one whose noun or parameter is not known here fails until its rule is written.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from service.access.rights import scope_for
from service.app import create_app
from service.settings import Settings
from store import jobs, tokens
from store.sessions import Database
from tests.service import history
from tests.service.access.conftest import Tokens, bearer, from_address
from tests.service.conftest import opened
from tests.service.fakes import FakePlanner

OPEN = {"/healthz", "/readyz"}
ADMINS = {"tokens", "quotas", "audit"}
SHARED = {"workers", "slots"}
OTHERS = {"jobs", "meta", "me", "families", "models", "datasets", "schemas", "metrics", "openapi.json"}
NAME = "a search that nobody else may know of"
ABSENT = "job_0000000000000000000000"

ORDER = ("read", "submit", "admin")


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """(method, path template) of everything that answers."""
    for context in iter_route_contexts(app.routes):
        for method in sorted(context.methods or ()):
            yield method, context.path or ""


ROUTES = sorted(routes(create_app(Settings(database_url="sqlite:///unused.db"))))


def expected(method: str, path: str) -> str | None:
    """The scope that a route should need, said independently of `service.access.rights`."""
    if path in OPEN:
        return None
    noun = re.split(r"[/:]", path.removeprefix("/v1").strip("/"))[0]
    assert noun in ADMINS | SHARED | OTHERS, f"{path}: write its rule in service/access/rights.py, and its noun here"
    if noun in ADMINS:
        return "admin"
    if method in ("GET", "HEAD"):
        return "read"
    return "admin" if noun in SHARED else "submit"


@pytest.fixture
def places(database: Database) -> dict[str, str]:
    """A value for every parameter of every path: a job of `ours`, and what belongs to it."""
    with database.write() as session:
        spec = replace(history.THREE, name=NAME)
        jobs.create(session, spec, history.PLAN, "key", project="ours")
        job = jobs.claim(session, "w", 60.0)
        assert job is not None
        history.completed(session, job, 1)
        victim = tokens.create(session, "victim", "read", "ours")[0].id
    known = {"job": job.id, "number": "1", "name": "mlp", "token": victim, "kind": "project", "subject": "ours"}
    return known | {"slot": "desk/cpu:0"}


def address(path: str, places: dict[str, str], **values: str) -> str:
    """A route's path with its parameters filled in."""
    names = {name.split(":")[0] for name in re.findall(r"{([^}]+)}", path)}
    assert names <= set(places), f"{path}: give its parameters values in `places`"
    return re.sub(r"{([^}:]+)(:[^}]+)?}", lambda found: {**places, **values}[found[1]], path)


def test_the_table_of_routes_is_complete(guarded: TestClient) -> None:
    paths = {path for _, path in ROUTES}
    assert {"/v1/jobs", "/v1/jobs/{job}:cancel", "/v1/tokens/{token}", "/healthz", "/openapi.json"} <= paths
    documented = set(guarded.app.openapi()["paths"])  # type: ignore[attr-defined]
    assert documented <= {re.sub(r":[a-z]+}", "}", path) for path in paths}
    for method, path in ROUTES:
        assert scope_for(method, path) == expected(method, path), (method, path)
        assert not path.startswith("/v1/jobs/{") or path.startswith("/v1/jobs/{job}"), "rights look at {job}"


def test_without_a_live_token_nothing_but_health(guarded: TestClient, given: Tokens, places: dict[str, str]) -> None:
    for i, (method, path) in enumerate(ROUTES):
        where = address(path, places)
        for j, kind in enumerate(("", "unknown", "expired", "revoked")):
            client = from_address(guarded, f"10.0.{i}.{j}")  # one address may not be wrong so often
            response = client.request(method, where, headers=bearer(given[kind]) if kind else {})
            if path in OPEN:
                assert response.status_code == 200, (path, kind)
                continue
            assert response.status_code == 401, (method, path, kind)
            assert response.headers["WWW-Authenticate"].startswith('Bearer realm="sparseift"')
            if method != "HEAD":
                assert response.json()["code"] == ("token-invalid" if kind else "token-missing")
                assert NAME not in response.text


@pytest.mark.parametrize("kind", ["read", "submit", "admin"])
def test_scopes(guarded: TestClient, given: Tokens, places: dict[str, str], kind: str) -> None:
    for method, path in ROUTES:
        wanted = expected(method, path)
        response = guarded.request(method, address(path, places), headers=bearer(given[kind]))
        if wanted is not None and ORDER.index(wanted) > ORDER.index(kind):
            assert (response.status_code, response.json()["code"]) == (403, "scope-missing"), (method, path)
            assert response.json()["scope"] == wanted
        else:
            assert response.status_code not in (401, 403), (method, path, response.text)
            assert response.status_code < 500, (method, path, response.text)


def test_another_projects_token(guarded: TestClient, given: Tokens, places: dict[str, str]) -> None:
    """Its 404 is that of a job which does not exist, to the letter; what names no job tells of none."""
    tried = 0
    for method, path in ROUTES:
        if expected(method, path) not in ("read", "submit"):
            continue
        response = guarded.request(method, address(path, places), headers=bearer(given["other"]))
        assert NAME not in response.text, (method, path)
        if "{job}" not in path:
            assert places["job"] not in response.text, (method, path)
            continue
        absent = guarded.request(method, address(path, places, job=ABSENT), headers=bearer(given["other"]))
        assert response.status_code == absent.status_code == 404, (method, path)
        assert response.text.replace(places["job"], ABSENT) == absent.text
        assert response.json()["detail"] == f"There is no job '{places['job']}'."
        passing = {"x-request-id"}
        headers, others = ({k: v for k, v in r.headers.items() if k not in passing} for r in (response, absent))
        assert headers == others
        tried += 1
    assert tried >= 20


def test_a_route_without_a_rule_is_the_admins_alone(settings: Settings, planner: FakePlanner, given: Tokens) -> None:
    with opened(replace(settings, require_tokens=True), planner) as client:
        app = client.app
        assert isinstance(app, FastAPI)
        app.add_api_route("/v1/widgets", lambda: {"widgets": 1})
        app.add_api_route("/v1/jobs/{number}/twin", lambda number: {"number": number})
        for path in ("/v1/widgets", "/v1/jobs/7/twin"):
            statuses = [client.get(path, headers=bearer(given[k])).status_code for k in ("read", "submit", "admin")]
            assert statuses == [403, 403, 200], path
        assert ("GET", "/v1/widgets") in set(routes(app))
        with pytest.raises(AssertionError, match="write its rule"):
            expected("GET", "/v1/widgets")
