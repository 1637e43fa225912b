"""Filtering, sorting, labelling, archiving and deleting jobs over HTTP."""

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.access.viewer import Viewer, viewer
from service.examples import SMALLEST_JOB
from store import archive, jobs
from store.sessions import Database
from tests.service import history
from tests.service.fakes import FakePlanner


def submit(client: TestClient, **changes: Any) -> dict[str, Any]:
    response = client.post("/v1/jobs", json={**SMALLEST_JOB, **changes})
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


def listed(client: TestClient, query: str) -> list[str]:
    response = client.get(f"/v1/jobs?{query}")
    assert response.status_code == 200, response.text
    return [job["id"] for job in response.json()["items"]]


def test_a_list_is_filtered_by_what_was_submitted(client: TestClient) -> None:
    plain = submit(client, labels={"team": "vision", "note": "a: b"}, priority=3)["id"]
    gpt = submit(client, model={"name": "gpt"}, dataset={"name": "sotu"}, name="Words", families=["sparse_wide"])["id"]
    client.post(f"/v1/jobs/{gpt}:cancel")
    assert listed(client, "") == listed(client, "sort=newest") == [gpt, plain]
    assert listed(client, "sort=oldest") == listed(client, "sort=priority") == [plain, gpt]
    assert listed(client, "state=queued") == [plain]
    assert listed(client, "state=queued&state=cancelled") == [gpt, plain]
    assert listed(client, "name=WORD") == listed(client, "model=gpt") == listed(client, "dataset=sotu") == [gpt]
    assert listed(client, "family=sparse_doped") == [plain]
    assert listed(client, "label=team:vision") == listed(client, "label=team:vision&label=note:a: b") == [plain]
    assert listed(client, "label=team:vision&label=note:c") == []
    assert client.get("/v1/jobs?label=team:vision").json()["items"][0]["labels"] == {"note": "a: b", "team": "vision"}


@pytest.mark.parametrize("sort", ["newest", "oldest", "priority", "updated"])
def test_pages_of_every_order_are_the_list(client: TestClient, database: Database, sort: str) -> None:
    with database.write() as session:
        for priority in (0, 2, 0, 1, 2):
            jobs.create(session, replace(history.THREE, priority=priority), history.PLAN)
    whole = listed(client, f"sort={sort}")
    seen, token = [], None
    for _ in range(9):
        params = {"sort": sort, "limit": 2} | ({"page_token": token} if token else {})
        page = client.get("/v1/jobs", params=params).json()
        seen += [job["id"] for job in page["items"]]
        token = page["next_page_token"]
        if token is None:
            break
    assert seen == whole
    assert len(whole) == 5


def test_a_token_continues_the_list_that_gave_it_alone(client: TestClient, database: Database) -> None:
    with database.write() as session:
        for _ in range(2):
            history.submitted(session)
    token = client.get("/v1/jobs?limit=1&sort=priority&state=queued").json()["next_page_token"]
    assert client.get(f"/v1/jobs?sort=priority&state=queued&page_token={token}").status_code == 200
    for other in ("sort=newest&state=queued", "sort=priority", "sort=priority&state=queued&name=x"):
        refused = client.get(f"/v1/jobs?{other}&page_token={token}")
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid-request")
        assert "another sort or other filters" in refused.json()["detail"]


@pytest.mark.parametrize(
    "query",
    ["sort=best", "state=done", "label=a", "label=:b", "label=a%00:b", "archived=yes", "name=%00", "model=a'b"],
)
def test_a_filter_that_is_none_is_refused(edge: TestClient, query: str) -> None:
    response = edge.get(f"/v1/jobs?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "invalid-request")


def test_a_viewer_sees_the_jobs_of_its_project_alone(client: TestClient, database: Database) -> None:
    with database.write() as session:
        ours = jobs.create(session, history.THREE, history.PLAN, project="ours")[0].id
        theirs = jobs.create(session, history.THREE, history.PLAN, project="theirs")[0].id
    assert listed(client, "") == [theirs, ours]
    of_ours = Viewer("t", "n", frozenset({"read", "submit"}), "ours")
    client.app.dependency_overrides[viewer] = lambda: of_ours  # type: ignore[attr-defined]
    assert listed(client, "") == listed(client, "archived=any&sort=updated") == [ours]
    start = {**SMALLEST_JOB, "start_from": [theirs]}
    refused = client.post("/v1/jobs?dry_run=true", json=start)
    assert f"There is no job '{theirs}'." in refused.json()["detail"]


def test_labels_and_name_are_merged_and_shown(client: TestClient) -> None:
    job = submit(client, labels={"a": "1", "b": "2"}, name="first")
    here = job["links"]["self"]
    changed = client.patch(here, json={"labels": {"a": None, "c": "3"}, "name": "second"})
    assert changed.status_code == 200
    assert (changed.json()["labels"], changed.json()["name"]) == ({"b": "2", "c": "3"}, "second")
    assert changed.json() == client.get(here).json()
    assert client.patch(here, json={}).json()["labels"] == {"b": "2", "c": "3"}
    assert client.patch(here, json={"name": None}).json()["name"] == "first"
    assert client.patch(here, json={"labels": None}).json()["labels"] == {}


def test_if_match_protects_one_edit_from_another(client: TestClient, database: Database) -> None:
    job = submit(client)
    here = job["links"]["self"]
    etag = client.get(here).headers["etag"]
    with database.write() as session:
        claimed = jobs.claim(session, "w", 60.0)
    assert claimed is not None
    assert client.get(here).headers["etag"] == etag, "progress changes nothing that is edited"
    first = client.patch(here, json={"labels": {"mine": "1"}}, headers={"If-Match": etag})
    assert first.status_code == 200
    assert first.headers["etag"] == client.get(here).headers["etag"] != etag
    for stale in (etag, '"x"', f"W/{first.headers['etag']}"):
        second = client.patch(here, json={"labels": {"yours": "1"}}, headers={"If-Match": stale})
        assert (second.status_code, second.json()["code"]) == (412, "stale-etag")
    assert client.get(here).json()["labels"] == {"mine": "1"}
    both = f'"x", {first.headers["etag"]}'
    assert client.patch(here, json={"labels": {"yours": "1"}}, headers={"If-Match": both}).status_code == 200
    assert client.patch(here, json={"labels": {"any": "1"}}, headers={"If-Match": "*"}).status_code == 200
    assert client.patch("/v1/jobs/job_0", json={}).status_code == 404


@pytest.mark.parametrize(
    "patch",
    [
        {"state": "queued"},
        {"labels": {"a b": "1"}},
        {"labels": {"a": 1}},
        {"labels": {"a": "x" * 201}},
        {"labels": {"a": "x\n"}},
        {"labels": {f"k{i}": "v" for i in range(33)}},
        {"name": "x" * 201},
        [],
    ],
)
def test_what_may_not_be_put_on_a_job(client: TestClient, patch: Any) -> None:
    here = submit(client)["links"]["self"]
    response = client.patch(here, json=patch)
    assert (response.status_code, response.json()["code"]) == (422, "invalid-request")
    assert client.get(here).json()["labels"] == {}


def test_a_clone_takes_name_and_labels_along(client: TestClient) -> None:
    here = submit(client, labels={"a": "1", "b": "2"})["links"]["self"]
    client.patch(here, json={"name": "renamed"})
    clone = client.post(f"{here}:clone", json={"labels": {"b": None, "c": "3"}}).json()
    assert (clone["name"], clone["labels"]) == ("renamed", {"a": "1", "c": "3"})


def test_ended_jobs_are_put_away_and_deleted(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.over(session).id
    here = f"/v1/jobs/{job_id}"
    archived = client.post(f"{here}:archive").json()
    assert archived["archived_at"] is not None
    assert listed(client, "") == []
    assert listed(client, "archived=true") == listed(client, "archived=any") == [job_id]
    assert client.post(f"{here}:unarchive").json()["archived_at"] is None
    assert listed(client, "") == listed(client, "archived=any") == [job_id]

    deleted = client.delete(here)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for gone in (client.get(here), client.get(f"{here}/trials"), client.get(f"{here}/curve"), client.delete(here)):
        assert (gone.status_code, gone.json()["code"]) == (404, "not-found")
    with database.read() as session:
        assert archive.removed(session) == [job_id]


def test_a_job_that_goes_on_is_neither_put_away_nor_deleted(client: TestClient, planner: FakePlanner) -> None:
    here = submit(client)["links"]["self"]
    for refused in (client.post(f"{here}:archive"), client.post(f"{here}:unarchive"), client.delete(here)):
        assert (refused.status_code, refused.json()["code"]) == (409, "state-conflict")
        assert refused.json()["state"] == "queued"
