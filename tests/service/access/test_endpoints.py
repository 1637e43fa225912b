"""/v1/tokens, /v1/me, /v1/quotas, /v1/audit, and projects as submissions meet them."""

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.examples import SMALLEST_JOB
from store import jobs, tokens
from store.sessions import Database
from tests.service.access.conftest import Tokens, bearer

NEW = {"name": "nightly", "scope": "submit", "project": "ours"}


def submit(client: TestClient, token: str, key: str = "", **changes: Any) -> Any:
    headers = bearer(token) | ({"Idempotency-Key": key} if key else {})
    return client.post("/v1/jobs", json={**SMALLEST_JOB, **changes}, headers=headers)


def test_a_token_is_shown_once(guarded: TestClient, given: Tokens, database: Database) -> None:
    made = guarded.post("/v1/tokens", json=NEW, headers=bearer(given["admin"]))
    assert made.status_code == 201
    body = made.json()
    assert re.fullmatch(tokens.SHAPE, body["token"])
    assert made.headers["Location"] == f"/v1/tokens/{body['id']}"
    assert made.headers["Cache-Control"] == "no-store"
    admin_id = guarded.get("/v1/me", headers=bearer(given["admin"])).json()["token_id"]
    assert (body["name"], body["scope"], body["project"], body["created_by"]) == ("nightly", "submit", "ours", admin_id)
    shown = guarded.get(made.headers["Location"], headers=bearer(given["admin"]))
    listed = guarded.get("/v1/tokens", headers=bearer(given["admin"]))
    assert shown.json() == {k: v for k, v in body.items() if k != "token"}
    assert listed.json()["items"][0] == shown.json()
    secret = body["token"].rsplit("_", 1)[1]
    with database.read() as session:
        kept = tokens.get(session, body["id"]).secret_hash
    assert secret not in shown.text + listed.text
    assert kept not in shown.text + listed.text
    assert guarded.get("/v1/me", headers=bearer(body["token"])).json()["scopes"] == ["read", "submit"]


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"scope": "root"}, 422, "'read', 'submit' or 'admin'"),
        ({"project": None}, 422, "belongs to one project"),
        ({"project": "No Such"}, 422, "project is"),
        ({"name": ""}, 422, "name is"),
        ({"name": "a\nb"}, 422, "name is"),
        ({"expires_in_days": 0}, 422, "expires_in_days is 0"),
        ({"expires_in_days": 4000}, 422, "expires_in_days is 4000"),
        ({"secret": "mine"}, 422, "secret is not a field"),
    ],
)
def test_refusals(guarded: TestClient, given: Tokens, changes: dict[str, Any], status: int, words: str) -> None:
    response = guarded.post("/v1/tokens", json=NEW | changes, headers=bearer(given["admin"]))
    assert response.status_code == status
    assert words in response.json()["detail"]


def test_an_admin_of_one_project_stays_in_it(guarded: TestClient, given: Tokens) -> None:
    mine = bearer(given["project_admin"])
    for project in (None, "theirs"):
        refused = guarded.post("/v1/tokens", json={**NEW, "scope": "admin", "project": project}, headers=mine)
        assert (refused.status_code, refused.json()["code"]) == (403, "other-project")
    assert guarded.post("/v1/tokens", json={**NEW, "scope": "admin"}, headers=mine).status_code == 201
    listed = guarded.get("/v1/tokens", headers=mine).json()["items"]
    assert {item["project"] for item in listed} == {"ours"}
    everyone = guarded.get("/v1/tokens", headers=bearer(given["admin"])).json()["items"]
    theirs = next(item["id"] for item in everyone if item["project"] == "theirs")
    for method in ("GET", "DELETE"):
        response = guarded.request(method, f"/v1/tokens/{theirs}", headers=mine)
        assert response.json()["detail"] == f"There is no token '{theirs}'."
    quota = guarded.put("/v1/quotas/project/ours", json={"active_jobs": 99}, headers=mine)
    assert (quota.status_code, quota.json()["code"]) == (403, "other-project")
    assert guarded.get("/v1/quotas", headers=mine).status_code == 403
    assert guarded.get("/v1/quotas/project/ours", headers=mine).status_code == 403
    assert guarded.delete("/v1/quotas/project/ours", headers=mine).status_code == 403
    submit(guarded, given["other"])
    submit(guarded, given["submit"])
    seen = guarded.get("/v1/audit", headers=mine).json()["items"]
    assert seen
    assert {row["project"] for row in seen} == {"ours"}


def test_pages_of_tokens_and_of_the_audit_log(guarded: TestClient, given: Tokens) -> None:
    admin = bearer(given["admin"])
    for i in range(3):
        guarded.post("/v1/tokens", json={**NEW, "name": f"t{i}"}, headers=admin)
    for path, count in (("/v1/tokens", 10), ("/v1/audit", 3)):
        found, token = [], ""
        while True:
            page = guarded.get(f"{path}?limit=2{token}", headers=admin).json()
            found += [item["id"] for item in page["items"]]
            if page["next_page_token"] is None:
                break
            token = f"&page_token={page['next_page_token']}"
        assert found == sorted(set(found), reverse=True)
        assert len(found) == count
        assert guarded.get(f"{path}?page_token=x", headers=admin).status_code == 422


def test_revoking_again_changes_nothing(guarded: TestClient, given: Tokens) -> None:
    admin = bearer(given["admin"])
    token = guarded.post("/v1/tokens", json=NEW, headers=admin).json()["id"]
    assert guarded.delete(f"/v1/tokens/{token}", headers=admin).status_code == 204
    at = guarded.get(f"/v1/tokens/{token}", headers=admin).json()["revoked_at"]
    assert at is not None
    assert guarded.delete(f"/v1/tokens/{token}", headers=admin).status_code == 204
    assert guarded.get(f"/v1/tokens/{token}", headers=admin).json()["revoked_at"] == at
    assert guarded.delete(f"/v1/tokens/tok_{'0' * 22}", headers=admin).status_code == 404


def test_jobs_belong_to_their_tokens_project(guarded: TestClient, given: Tokens) -> None:
    mine = submit(guarded, given["submit"]).json()
    me = guarded.get("/v1/me", headers=bearer(given["submit"])).json()
    assert (mine["project"], mine["owner"]) == ("ours", me["token_id"])
    assert submit(guarded, given["submit"], project="ours").status_code == 201
    refused = submit(guarded, given["submit"], project="theirs")
    assert (refused.status_code, refused.json()["code"]) == (403, "other-project")
    assert submit(guarded, given["admin"]).json()["project"] == "default"
    chosen = submit(guarded, given["admin"], project="theirs").json()
    assert chosen["project"] == "theirs"
    for kind, projects in (("read", {"ours"}), ("other", {"theirs"}), ("admin", {"ours", "theirs", "default"})):
        listed = guarded.get("/v1/jobs", headers=bearer(given[kind])).json()["items"]
        assert {job["project"] for job in listed} == projects
    clone = guarded.post(f"/v1/jobs/{chosen['id']}:clone", headers=bearer(given["admin"])).json()
    assert clone["project"] == "theirs"  # its own, unless the changes say otherwise
    foreign = guarded.post(f"/v1/jobs/{chosen['id']}:clone", headers=bearer(given["submit"]))
    assert foreign.status_code == 404
    start = submit(guarded, given["submit"], start_from=[chosen["id"]]).json()
    absent = submit(guarded, given["submit"], start_from=["job_0000000000000000000000"]).json()
    assert start["errors"][0]["message"].replace(chosen["id"], "X") == absent["errors"][0]["message"].replace(
        "job_0000000000000000000000", "X"
    )


def test_a_key_of_another_project_tells_nothing(guarded: TestClient, given: Tokens) -> None:
    mine = submit(guarded, given["submit"], key="k").json()
    theirs = submit(guarded, given["other"], key="k", seed=7)
    assert theirs.status_code == 201  # neither their 200 with my job, nor a 409 that says the key is used
    assert theirs.json()["id"] != mine["id"]
    assert submit(guarded, given["submit"], key="k").json()["id"] == mine["id"]
    assert submit(guarded, given["submit"], key="k", seed=7).status_code == 409


def test_quotas_by_http(guarded: TestClient, given: Tokens) -> None:
    admin = bearer(given["admin"])
    me = guarded.get("/v1/me", headers=bearer(given["submit"])).json()
    assert me["quotas"] == []
    put = guarded.put("/v1/quotas/project/ours", json={"active_jobs": 1}, headers=admin)
    assert put.json() == {
        "kind": "project",
        "subject": "ours",
        "active_jobs": 1,
        "device_hours": None,
        "running_jobs": None,
    }
    first = submit(guarded, given["submit"], key="a")
    refused = submit(guarded, given["submit"])
    assert refused.status_code == 429
    body = refused.json()
    assert (body["code"], body["quota"], body["used"], body["limit"]) == ("quota-exceeded", "active_jobs", 1, 1)
    assert (body["kind"], body["subject"]) == ("project", "ours")
    assert submit(guarded, given["submit"], key="a").json()["id"] == first.json()["id"]  # nothing new
    assert submit(guarded, given["other"]).status_code == 201
    (used,) = guarded.get("/v1/me", headers=bearer(given["read"])).json()["quotas"]
    assert (used["used_active_jobs"], used["used_device_hours"]) == (1, 0.0)
    assert guarded.put(f"/v1/quotas/token/{me['token_id']}", json={"device_hours": 0}, headers=admin).status_code == 200
    listed = guarded.get("/v1/quotas?limit=1", headers=admin).json()
    more = guarded.get(f"/v1/quotas?page_token={listed['next_page_token']}", headers=admin).json()
    assert [(q["kind"], q["subject"]) for q in (*listed["items"], *more["items"])] == [
        ("project", "ours"), ("token", me["token_id"]),
    ]  # fmt: skip
    guarded.delete("/v1/quotas/project/ours", headers=admin)
    assert submit(guarded, given["submit"]).json()["quota"] == "device_hours"
    guarded.put(f"/v1/quotas/token/{me['token_id']}", json={}, headers=admin)
    assert submit(guarded, given["submit"]).status_code == 201
    assert guarded.get("/v1/quotas", headers=admin).json()["items"] == []
    assert guarded.put(f"/v1/quotas/token/tok_{'0' * 22}", json={}, headers=admin).status_code == 404
    assert guarded.put("/v1/quotas/user/x", json={}, headers=admin).status_code == 404
    assert guarded.put("/v1/quotas/project/p", json={"active_jobs": -1}, headers=admin).status_code == 422


def test_a_job_that_a_quota_holds_says_so(guarded: TestClient, given: Tokens, database: Database) -> None:
    admin = bearer(given["admin"])
    first, second = (submit(guarded, given["submit"], seed=seed).json() for seed in (1, 2))
    assert first["waiting_for"] is None
    guarded.put("/v1/quotas/project/ours", json={"running_jobs": 1}, headers=admin)

    def claimed() -> str | None:
        with database.write() as session:
            job = jobs.claim(session, "w", 60.0)
            return job.id if job else None

    assert [claimed(), claimed()] == [first["id"], None]
    assert [guarded.get(f"/v1/jobs/{job['id']}", headers=admin).json()["waiting_for"] for job in (first, second)] == [
        None,
        "Project 'ours' may have 1 of its jobs run at once, and has. This one begins when another ends or is paused.",
    ]
    (used,) = guarded.get("/v1/me", headers=bearer(given["read"])).json()["quotas"]
    assert (used["running_jobs"], used["used_running_jobs"], used["used_active_jobs"]) == (1, 1, 2)
    assert guarded.put("/v1/quotas/project/ours", json={"running_jobs": -1}, headers=admin).status_code == 422
    guarded.delete("/v1/quotas/project/ours", headers=admin)
    assert guarded.get(f"/v1/jobs/{second['id']}", headers=admin).json()["waiting_for"] is None
    assert claimed() == second["id"]


def test_many_jobs_at_once_are_each_held_against_the_viewer(guarded: TestClient, given: Tokens) -> None:
    mine, theirs = submit(guarded, given["submit"]).json()["id"], submit(guarded, given["other"]).json()["id"]
    absent = "job_0000000000000000000000"
    asked = {"verb": "cancel", "jobs": [theirs, absent, mine]}
    answered = guarded.post("/v1/jobs:bulk", json=asked, headers=bearer(given["submit"])).json()["results"]
    foreign, missing, own = answered
    assert (foreign["status"], own["status"], own["state"]) == (404, 200, "cancelled")
    assert {**foreign, "job": absent, "detail": foreign["detail"].replace(theirs, absent)} == missing
    untouched = guarded.get(f"/v1/jobs/{theirs}", headers=bearer(given["other"])).json()
    assert untouched["state"] == "queued"
    row = guarded.get("/v1/audit", headers=bearer(given["admin"])).json()["items"][0]
    assert row["target"] == f"/v1/jobs:bulk cancel {theirs} {absent} {mine}"
