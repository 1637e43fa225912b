"""Headers that every answer carries, other origins, and what the document says of access."""

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.settings import Settings
from tests.service.access.conftest import Tokens, bearer
from tests.service.conftest import opened
from tests.service.fakes import FakePlanner

LAB = "https://lab.example"


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/healthz", {}), ("/v1/jobs", {}), ("/nothing", {}), ("/healthz", {"Host": "evil.example"})],
)
def test_every_answer_is_closed(edge: TestClient, path: str, headers: dict[str, str]) -> None:
    answered = edge.get(path, headers=headers).headers
    assert answered["X-Content-Type-Options"] == "nosniff"
    assert answered["Referrer-Policy"] == "no-referrer"
    assert answered["X-Frame-Options"] == "DENY"
    assert answered["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answered["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answered["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in answered


def test_strict_transport_over_tls_alone(edge: TestClient) -> None:
    assert edge.get("https://127.0.0.1/healthz").headers["Strict-Transport-Security"] == "max-age=31536000"


def test_other_origins_are_closed_by_default(edge: TestClient) -> None:
    preflight = {"Origin": LAB, "Access-Control-Request-Method": "POST"}
    for answered in (edge.options("/v1/jobs", headers=preflight), edge.get("/v1/jobs", headers={"Origin": LAB})):
        assert not [name for name in answered.headers if name.startswith("access-control-")]


def test_listed_origins_may_ask_with_a_token(settings: Settings, planner: FakePlanner, given: Tokens) -> None:
    with opened(replace(settings, require_tokens=True, cors_origins=(LAB,)), planner) as client:
        preflight = {"Origin": LAB, "Access-Control-Request-Method": "POST"}
        preflight["Access-Control-Request-Headers"] = "authorization,idempotency-key"
        allowed = client.options("/v1/jobs", headers=preflight)
        assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (200, LAB)
        assert "Access-Control-Allow-Credentials" not in allowed.headers  # no cookies: nothing is ambient
        assert client.options("/v1/jobs", headers=preflight | {"Origin": "https://evil.example"}).status_code == 400
        asked = client.post("/v1/jobs", json={}, headers={"Origin": LAB, **bearer(given["submit"])})
        assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"]) == (422, LAB)
        refused = client.post("/v1/jobs", json={}, headers={"Origin": LAB})
        assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, LAB)
        evil = client.post("/v1/jobs", json={}, headers={"Origin": "https://evil.example", **bearer(given["submit"])})
        assert (evil.status_code, evil.json()["code"]) == (403, "foreign-origin")
        assert "Access-Control-Allow-Origin" not in evil.headers


def test_pages_of_a_trusted_host_may_ask(settings: Settings, planner: FakePlanner, given: Tokens) -> None:
    with opened(replace(settings, require_tokens=True, trusted_hosts=("Search.example",)), planner) as client:
        headers = {"Host": "search.example:443", "Origin": "https://search.example", **bearer(given["submit"])}
        assert client.post("/v1/jobs", json={}, headers=headers).status_code == 422


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, operation) for path, item in document["paths"].items() for operation in item.values()]


def test_the_document_shows_what_every_operation_needs(edge: TestClient, edge_url: str, planner: FakePlanner) -> None:
    open_ones = {"/healthz", "/readyz"}
    optional = edge.get("/openapi.json").json()
    assert optional["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path, operation in operations(optional):
        if path in open_ones:
            assert operation["security"] == []
            assert "401" not in operation["responses"]
            continue
        assert operation["security"] == [{"bearer": []}, {}]
        assert operation["x-scope"] in ("read", "submit", "admin")
        assert "`token-missing`" in operation["responses"]["401"]["description"]
        assert "`scope-missing`" in operation["responses"]["403"]["description"]
        assert "`rate-limited`" in operation["responses"]["429"]["description"]
        assert "Retry-After" in operation["responses"]["429"]["headers"]
    submit = optional["paths"]["/v1/jobs"]["post"]["responses"]
    assert "`quota-exceeded`" in submit["429"]["description"]
    assert "`other-project`" in submit["403"]["description"]
    with opened(Settings(edge_url, require_tokens=True), planner) as client:
        required = client.app.openapi()  # type: ignore[attr-defined]
    assert {str(operation["security"]) for path, operation in operations(required) if path not in open_ones} == {
        "[{'bearer': []}]"
    }
