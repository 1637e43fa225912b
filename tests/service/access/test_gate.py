"""The gate: whose token, how often, in the clear or not; and what it writes down."""

import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from service.access.gate import FAILURES_AT_ONCE
from service.access.limits import Buckets
from service.examples import SMALLEST_JOB
from service.settings import Settings
from store import tokens
from store.sessions import Database
from store.tables import Audit, Token
from tests import looping
from tests.service.access.conftest import Tokens, bearer, from_address
from tests.service.conftest import opened
from tests.service.fakes import FakePlanner


def rows(database: Database) -> list[Audit]:
    with database.read() as session:
        return list(session.scalars(select(Audit).order_by(Audit.id)))


def test_without_tokens_required_everybody_is_local(client: TestClient) -> None:
    me = client.get("/v1/me").json()
    assert (me["token_id"], me["name"], me["project"], me["scopes"]) == (
        None,
        "local",
        None,
        ["read", "submit", "admin"],
    )
    assert client.get("/v1/me", headers=bearer("nonsense")).status_code == 200  # nobody asked


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", "sift_tok_x"])
def test_what_is_no_bearer_token_is_missing(guarded: TestClient, header: str) -> None:
    response = guarded.get("/v1/me", headers={"Authorization": header} if header else {})
    assert (response.status_code, response.json()["code"]) == (401, "token-missing")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="sparseift"'


def test_a_token_comes_in_the_header_alone_and_once(guarded: TestClient, given: Tokens) -> None:
    token = given["read"]
    assert guarded.get("/v1/me", headers={"Authorization": f"bearer {token}"}).status_code == 200
    for query in ("access_token", "token", "authorization"):
        assert guarded.get(f"/v1/me?{query}={token}").status_code == 401
    assert guarded.get("/v1/me", headers={"Cookie": f"token={token}"}).status_code == 401
    twice = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {given['admin']}")]
    assert guarded.get("/v1/me", headers=twice).json()["code"] == "token-missing"


def test_only_who_has_the_secret_learns_that_it_expired(guarded: TestClient, given: Tokens) -> None:
    expired = guarded.get("/v1/me", headers=bearer(given["expired"]))
    assert (expired.json()["code"], expired.json()["detail"]) == ("token-invalid", "This token has expired.")
    assert 'error="invalid_token"' in expired.headers["WWW-Authenticate"]
    forged = given["expired"][:-4] + ("0000" if not given["expired"].endswith("0000") else "1111")
    others = {guarded.get("/v1/me", headers=bearer(t)).text for t in (given["revoked"], given["unknown"], forged)}
    assert len(others) == 1  # revoked, unknown and forged are one answer
    assert "This is no valid token." in others.pop()


def test_revocation_holds_from_the_next_request_on(guarded: TestClient, given: Tokens) -> None:
    me = guarded.get("/v1/me", headers=bearer(given["submit"])).json()
    assert me["name"] == "submit"
    assert guarded.delete(f"/v1/tokens/{me['token_id']}", headers=bearer(given["admin"])).status_code == 204
    assert guarded.get("/v1/me", headers=bearer(given["submit"])).status_code == 401


def test_the_last_use_is_recorded(guarded: TestClient, given: Tokens, database: Database) -> None:
    def used() -> float | None:
        with database.read() as session:
            return session.scalars(select(Token.last_used_at_s).where(Token.name == "read")).one()

    assert used() is None
    guarded.get("/v1/me", headers=bearer(given["read"]))
    first = used()
    assert first is not None
    guarded.get("/v1/me", headers=bearer(given["read"]))
    assert used() == first  # once a minute


def test_guessing_is_stopped_and_known_tokens_still_pass(guarded: TestClient, given: Tokens) -> None:
    assert guarded.get("/v1/me", headers=bearer(given["read"])).status_code == 200
    wrong = [f"sift_tok_{'0' * 22}_{i:040d}" for i in range(FAILURES_AT_ONCE + 5)]
    statuses = [guarded.get("/v1/me", headers=bearer(token)).status_code for token in wrong]
    assert statuses[:FAILURES_AT_ONCE] == [401] * FAILURES_AT_ONCE
    assert 429 in statuses[FAILURES_AT_ONCE:]
    refused = guarded.get("/v1/me", headers=bearer(given["submit"]))  # right, but not seen before: it could be a guess
    assert (refused.status_code, refused.json()["code"]) == (429, "rate-limited")
    assert int(refused.headers["Retry-After"]) >= 1
    assert guarded.get("/v1/me", headers=bearer(given["read"])).status_code == 200
    assert from_address(guarded, "10.9.9.9").get("/v1/me", headers=bearer(given["submit"])).status_code == 200


def test_a_token_may_ask_so_often(settings: Settings, planner: FakePlanner, given: Tokens) -> None:
    slow = replace(settings, require_tokens=True, requests_per_s=0.01, request_burst=3)
    with opened(slow, planner) as client:
        answers = [client.get("/v1/me", headers=bearer(given["read"])) for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert answers[3].json()["code"] == "rate-limited"
        assert 1 <= int(answers[3].headers["Retry-After"]) <= 100
        assert client.get("/v1/me", headers=bearer(given["submit"])).status_code == 200  # each has its own
        assert client.get("/healthz").status_code == 200


def test_buckets_fill_again() -> None:
    """Two at once, then one every two seconds."""
    at_s = [100.0]
    buckets = Buckets(0.5, 2, lambda: at_s[0])
    assert [buckets.take("a"), buckets.take("a"), buckets.take("a")] == [0.0, 0.0, 2.0]
    assert buckets.take("b") == 0.0
    at_s[0] += 1.0
    assert buckets.wait_s("a") == 1.0
    at_s[0] += 1.0
    assert [buckets.take("a"), buckets.take("a")] == [0.0, 2.0]
    at_s[0] += 1e6
    assert [buckets.take("a"), buckets.take("a"), buckets.take("a")] == [0.0, 0.0, 2.0]  # no more than it holds


def test_behind_a_proxy_nothing_in_the_clear_is_looked_at(
    settings: Settings, planner: FakePlanner, given: Tokens
) -> None:
    proxied = replace(settings, require_tokens=True, behind_tls_proxy=True, trusted_hosts=("search.example",))
    with opened(proxied, planner) as client:
        plain = client.get("http://search.example/v1/me", headers=bearer(given["read"]))
        assert (plain.status_code, plain.json()["code"]) == (403, "tls-required")
        assert client.get("http://127.0.0.1/readyz").status_code == 200
        secure = client.get("https://search.example/v1/me", headers=bearer(given["read"]))
        assert secure.status_code == 200
        assert client.get("https://evil.example/v1/me", headers=bearer(given["read"])).status_code == 421


def test_websockets_pass_the_gate_too(guarded: TestClient, given: Tokens) -> None:
    for headers in ({}, bearer(given["revoked"])):
        with pytest.raises(WebSocketDisconnect) as closed, guarded.websocket_connect("/v1/jobs", headers=headers):
            pass
        assert closed.value.code == 1008


def test_the_database_away_is_no_way_in(guarded: TestClient, given: Tokens) -> None:
    context = guarded.app.state.context  # type: ignore[attr-defined]
    context.database.engine.dispose()
    away = Database("postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")
    guarded.app.state.context = replace_database(context, away)  # type: ignore[attr-defined]
    response = guarded.get("/v1/me", headers=bearer(given["admin"]))
    assert (response.status_code, response.json()["code"]) == (503, "database-unavailable")
    assert "127.0.0.1:1" not in response.text
    guarded.app.state.context = context  # type: ignore[attr-defined]
    away.close()


def replace_database(context: Any, database: Database) -> Any:
    return replace(context, database=database)


def test_changes_are_audited_and_so_are_their_refusals(guarded: TestClient, given: Tokens, database: Database) -> None:
    made = guarded.post("/v1/jobs", json=SMALLEST_JOB, headers=bearer(given["submit"]) | {"X-Request-ID": "r-1"})
    job = made.json()["id"]
    asked = [
        ("POST", f"/v1/jobs/{job}:cancel", "submit", 200, "cancel_job"),
        ("POST", f"/v1/jobs/{job}:pause", "submit", 409, "pause_job"),
        ("POST", f"/v1/jobs/{job}:cancel", "read", 403, "cancel_job"),
        ("POST", f"/v1/jobs/{job}:cancel", "other", 404, "cancel_job"),
        ("POST", "/v1/jobs", "submit", 422, "submit_job"),
        ("POST", "/v1/tokens", "submit", 403, "create_token"),
        ("DELETE", "/v1/nothing", "admin", 404, "DELETE"),
        ("POST", f"/v1/jobs/{job}:cancel", "expired", 401, "POST"),
        ("POST", f"/v1/jobs/{job}:cancel", "revoked", 401, "POST"),
        ("POST", f"/v1/jobs/{job}:cancel", "unknown", 401, None),
        ("GET", f"/v1/jobs/{job}", "submit", 200, None),
    ]
    for method, path, kind, status, _ in asked:
        body: Any = {"json": {}} if path == "/v1/jobs" else {}
        assert guarded.request(method, path, headers=bearer(given[kind]), **body).status_code == status, (path, kind)
    first, *others = rows(database)
    ids = {name: given[name].rsplit("_", 1)[0].removeprefix("sift_") for name in given}
    assert (first.token_id, first.project, first.action, first.target) == (
        ids["submit"], "ours", "submit_job", f"/v1/jobs /v1/jobs/{job}",
    )  # fmt: skip
    assert (first.status, first.client, first.request_id) == (201, "testclient", "r-1")
    assert [(r.target, r.token_id, r.status, r.action) for r in others] == [
        (path, ids[kind], status, action) for _, path, kind, status, action in asked if action
    ]
    assert all(given["submit"] not in str(vars(row)) for row in rows(database))


def test_a_failure_of_ours_is_audited_as_500(guarded: TestClient, given: Tokens, database: Database) -> None:
    def fails() -> None:
        raise RuntimeError("a bug")

    guarded.app.add_api_route("/v1/jobs:broken", fails, methods=["POST"])  # type: ignore[attr-defined]
    assert guarded.post("/v1/jobs:broken", headers=bearer(given["submit"])).status_code == 500
    assert [(row.action, row.status) for row in rows(database)] == [("fails", 500)]


def test_of_what_came_too_often_the_first_is_audited(
    settings: Settings, planner: FakePlanner, given: Tokens, database: Database
) -> None:
    with opened(replace(settings, require_tokens=True, requests_per_s=0.01, request_burst=1), planner) as client:
        statuses = [client.post("/v1/jobs", json={}, headers=bearer(given["submit"])).status_code]
        assert client.get("/v1/jobs", headers=bearer(given["submit"])).status_code == 429  # changes nothing: no row
        statuses += [client.post("/v1/jobs", json={}, headers=bearer(given["submit"])).status_code for _ in range(3)]
        assert client.post("/v1/jobs", json={}, headers=bearer(given["other"])).status_code == 422
    assert statuses == [422, 429, 429, 429]
    assert [(row.status, row.project) for row in rows(database)] == [(422, "ours"), (429, "ours"), (422, "theirs")]


def test_each_time_that_somebody_asks_too_often_has_a_first() -> None:
    at_s = [0.0]
    buckets = Buckets(1.0, 1, lambda: at_s[0])

    def ask() -> tuple[bool, bool]:
        is_refused = buckets.take("a") > 0.0
        return is_refused, is_refused and buckets.is_first_refusal("a")

    assert [ask(), ask(), ask()] == [(False, False), (True, True), (True, False)]
    at_s[0] = 1.0
    assert [ask(), ask(), ask()] == [(False, False), (True, True), (True, False)]


def test_on_loopback_changes_are_audited_without_a_token(client: TestClient, database: Database) -> None:
    client.post("/v1/jobs", json=SMALLEST_JOB)
    client.get("/v1/jobs")
    assert [(r.token_id, r.project, r.action, r.status) for r in rows(database)] == [("", None, "submit_job", 201)]


def test_the_audit_row_is_there_before_the_answer(guarded: TestClient, given: Tokens, database: Database) -> None:
    """Asked as a raw ASGI application: at the first byte of the answer the row is committed."""
    seen: list[int] = []

    async def ask() -> None:
        sent = [{"type": "http.request", "body": b"{}", "more_body": False}]

        async def receive() -> dict[str, Any]:
            return sent.pop() if sent else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                seen.append(len(rows(database)))

        headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {given['submit']}".encode())]
        headers += [(b"content-type", b"application/json"), (b"content-length", b"2")]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": "/v1/jobs", "raw_path": b"/v1/jobs", "query_string": b"", "headers": headers, "root_path": "",
            "client": ("10.0.0.1", 1), "server": ("127.0.0.1", 8000),
        }  # fmt: skip
        await guarded.app(scope, receive, send)  # type: ignore[arg-type]

    looping.run(ask())
    assert seen == [1]


def test_no_secret_is_in_the_logs(guarded: TestClient, given: Tokens, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        made = guarded.post(
            "/v1/tokens", json={"name": "n", "scope": "read", "project": "p"}, headers=bearer(given["admin"])
        ).json()["token"]
        guarded.post("/v1/jobs", json=SMALLEST_JOB, headers=bearer(given["submit"]))
        guarded.get("/v1/me", headers=bearer(given["revoked"]))
    secrets = [token.rsplit("_", 1)[1] for token in (made, *given.values())]
    told = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "audit" in told
    assert not any(secret in told or tokens.digest(secret) in told for secret in secrets)


def test_an_open_stream_ends_with_its_token(
    settings: Settings, planner: FakePlanner, given: Tokens, database: Database
) -> None:
    """A queued job's stream would go on for ever; its heartbeat comes every .1 s."""
    strict = replace(settings, require_tokens=True, recheck_s=0.05)
    headers = bearer(given["read"]) | {"Accept": "text/event-stream"}
    with opened(strict, planner) as client:
        job = client.post("/v1/jobs", json=SMALLEST_JOB, headers=bearer(given["submit"])).json()["id"]
        token_id = client.get("/v1/me", headers=bearer(given["read"])).json()["token_id"]

        def revoke() -> None:
            with database.write() as session:
                tokens.revoke(session, token_id)

        timer = threading.Timer(0.5, revoke)
        timer.start()
        began = time.monotonic()
        streamed = client.get(f"/v1/jobs/{job}/events", headers=headers)  # gives the whole of it once it has ended
        assert 0.4 < time.monotonic() - began < 20.0
        timer.join()
        assert streamed.status_code == 200
        assert "event: job.queued" in streamed.text
        assert "event: end" not in streamed.text
        assert client.get(f"/v1/jobs/{job}/events", headers=headers).status_code == 401
        assert client.app.state.context.streams.taken == 0  # type: ignore[attr-defined]  # it gave its place back


def test_a_path_with_a_nul_is_audited_as_well(guarded: TestClient, given: Tokens, database: Database) -> None:
    assert guarded.post("/v1/jobs/job_1%00:cancel", headers=bearer(given["submit"])).status_code == 404
    assert [row.target for row in rows(database)] == ["/v1/jobs/job_1\\x00:cancel"]
