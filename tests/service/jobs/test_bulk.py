"""One verb for many jobs."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from service.access.viewer import Viewer, viewer
from store import jobs
from store.sessions import Database
from tests.service import history


def asked(client: TestClient, **body: Any) -> list[dict[str, Any]]:
    response = client.post("/v1/jobs:bulk", json=body)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["results"]
    return found


@pytest.fixture
def ids(database: Database) -> list[str]:
    """A job that succeeded, and one that waits."""
    with database.write() as session:
        return [history.over(session).id, history.submitted(session).id]


def test_every_job_has_a_result_of_its_own(client: TestClient, ids: list[str]) -> None:
    over, queued = ids
    done, refused, missing = asked(client, verb="archive", jobs=[over, queued, "job_0"])
    assert done == {"job": over, "status": 200, "state": "succeeded", "code": None, "detail": None}
    assert (refused["job"], refused["status"], refused["code"]) == (queued, 409, "state-conflict")
    assert refused["state"] == "queued"
    assert (missing["status"], missing["code"], missing["state"]) == (404, "not-found", None)
    assert [r["status"] for r in asked(client, verb="delete", jobs=[over, queued])] == [204, 409]
    assert client.get(f"/v1/jobs/{over}").status_code == 404


@pytest.mark.parametrize(
    ("verb", "arguments", "states"),
    [
        ("pause", {"running": "hand_back"}, ["paused"]),
        ("prioritize", {"priority": 7}, ["queued"]),
        ("stop", {"running": "stop"}, ["cancelled"]),
        ("cancel", {}, ["cancelled"]),
        ("resume", {}, ["queued"]),
    ],
)
def test_the_verbs_do_what_they_do_alone(
    client: TestClient, ids: list[str], verb: str, arguments: dict[str, Any], states: list[str]
) -> None:
    assert [r["state"] for r in asked(client, verb=verb, jobs=ids[1:], **arguments)] == states
    shown = client.get(f"/v1/jobs/{ids[1]}").json()
    assert shown["state"] == states[0]
    assert shown["priority"] == arguments.get("priority", 0)


def test_an_archive_is_taken_back(client: TestClient, ids: list[str]) -> None:
    asked(client, verb="archive", jobs=ids[:1])
    assert [r["status"] for r in asked(client, verb="unarchive", jobs=ids[:1])] == [200]
    assert client.get(f"/v1/jobs/{ids[0]}").json()["archived_at"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"verb": "extend", "jobs": ["job_0"]},
        {"verb": "pause", "jobs": []},
        {"verb": "pause", "jobs": ["job_0", "job_0"]},
        {"verb": "pause", "jobs": [f"job_{i}" for i in range(201)]},
        {"verb": "pause", "jobs": ["nothing"]},
        {"verb": "pause", "jobs": ["job_0"], "running": "stop"},
        {"verb": "stop", "jobs": ["job_0"], "running": "hand_back"},
        {"verb": "cancel", "jobs": ["job_0"], "running": "finish"},
        {"verb": "pause", "jobs": ["job_0"], "priority": 1},
        {"verb": "prioritize", "jobs": ["job_0"]},
        {"verb": "prioritize", "jobs": ["job_0"], "priority": 101},
        {"verb": "pause"},
    ],
)
def test_what_is_no_request_changes_nothing(edge: TestClient, body: dict[str, Any]) -> None:
    response = edge.post("/v1/jobs:bulk", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid-request")


def test_other_projects_jobs_are_not_there(client: TestClient, database: Database, ids: list[str]) -> None:
    other = Viewer("t", "n", frozenset({"read", "submit"}), "elsewhere")
    client.app.dependency_overrides[viewer] = lambda: other  # type: ignore[attr-defined]
    assert {r["code"] for r in asked(client, verb="cancel", jobs=ids)} == {"not-found"}
    with database.read() as session:
        assert jobs.get(session, ids[1]).state == "queued"
