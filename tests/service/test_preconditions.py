"""`If-Match`: who changes what somebody else has changed meanwhile is told so, and nothing is changed."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from service.preconditions import matches
from store.sessions import Database
from tests.service import history

STALE = {"If-Match": '"0123"'}


@pytest.mark.parametrize(
    ("given", "holds"), [('"a"', True), ("*", True), ('"b", "a"', True), ('"b"', False), ("a", False), ('W/"a"', False)]
)
def test_comparison_is_strong(given: str, holds: bool) -> None:
    assert matches(given, '"a"') is holds


@pytest.mark.parametrize(
    ("method", "verb", "body", "ended"),
    [
        ("POST", ":prioritize", {"priority": 5}, False),
        ("POST", ":extend", {"search_trials": 99}, False),
        ("POST", ":archive", None, True),
        ("POST", ":unarchive", None, True),
        ("PATCH", "", {"name": "another"}, False),
        ("DELETE", "", None, True),
    ],
)
def test_a_job(client: TestClient, database: Database, method: str, verb: str, body: Any, ended: bool) -> None:
    with database.write() as session:
        job_id = (history.over(session) if ended else history.submitted(session)).id
    path = f"/v1/jobs/{job_id}"
    before = client.get(path)
    refused = client.request(method, path + verb, json=body, headers=STALE)
    assert (refused.status_code, refused.json()["code"]) == (412, "stale-etag")
    assert refused.json()["state"] == before.json()["state"]
    assert client.get(path).json() == before.json()
    done = client.request(method, path + verb, json=body, headers={"If-Match": before.headers["ETag"]})
    assert done.is_success, done.text
    if method != "DELETE":
        assert done.headers["ETag"] == client.get(path).headers["ETag"]
        assert (done.headers["ETag"] != before.headers["ETag"]) is (verb != ":unarchive")
        again = client.request(method, path + verb, json=body, headers={"If-Match": before.headers["ETag"]})
        assert again.status_code == (200 if verb == ":unarchive" else 412)
    assert client.request(method, "/v1/jobs/job_0" + verb, json=body, headers=STALE).status_code == 404


def test_a_quota(client: TestClient) -> None:
    path = "/v1/quotas/project/vision"
    none = client.get(path)
    assert none.json() == {
        "kind": "project", "subject": "vision", "active_jobs": None, "device_hours": None, "running_jobs": None
    }  # fmt: skip
    assert client.put(path, json={"active_jobs": 3}, headers=STALE).json()["code"] == "stale-etag"
    put = client.put(path, json={"active_jobs": 3}, headers={"If-Match": none.headers["ETag"]})
    assert (put.status_code, put.headers["ETag"]) == (200, client.get(path).headers["ETag"])
    assert client.put(path, json={"active_jobs": 4}, headers={"If-Match": none.headers["ETag"]}).status_code == 412
    assert client.delete(path, headers=STALE).status_code == 412
    assert client.get(path).json()["active_jobs"] == 3
    assert client.delete(path, headers={"If-Match": put.headers["ETag"]}).status_code == 204
    assert client.get(path).headers["ETag"] == none.headers["ETag"]
