"""A submission that is sent again, and bodies that nest without end."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from service.examples import SMALLEST_JOB
from service.planner import PlannerUnavailable
from store.sessions import Database
from tests.service import history
from tests.service.fakes import FakePlanner

KEY = {"Idempotency-Key": "once"}


def test_a_repeat_needs_neither_the_planner_nor_what_the_search_starts_from(
    client: TestClient, planner: FakePlanner, database: Database
) -> None:
    with database.write() as session:
        earlier = history.over(session).id
    body = {**SMALLEST_JOB, "start_from": [earlier]}
    first = client.post("/v1/jobs", json=body, headers=KEY)
    assert first.status_code == 201, first.text
    client.post(f"/v1/jobs/{first.json()['id']}:cancel")
    assert client.delete(f"/v1/jobs/{earlier}").status_code == 204
    planner.error = PlannerUnavailable("It is away.")
    again = client.post("/v1/jobs", json=body, headers=KEY)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert again.headers["Location"] == first.headers["Location"]
    assert len(planner.planned) == 1
    other = client.post("/v1/jobs", json={**body, "seed": 1}, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency-conflict")
    assert client.post("/v1/jobs", json=body).status_code == 422, "without the key it is a new job"


def test_a_repeated_clone_is_the_clone(client: TestClient, planner: FakePlanner) -> None:
    old = client.post("/v1/jobs", json=SMALLEST_JOB).json()["id"]
    first = client.post(f"/v1/jobs/{old}:clone", json={"seed": 1}, headers=KEY)
    planner.error = PlannerUnavailable("It is away.")
    again = client.post(f"/v1/jobs/{old}:clone", json={"seed": 1}, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    client.patch(f"/v1/jobs/{old}", json={"name": "renamed", "labels": {"a": "b"}})
    after = client.post(f"/v1/jobs/{old}:clone", json={"seed": 1}, headers=KEY)
    assert (after.status_code, after.json()["id"]) == (200, first.json()["id"]), "the same request, whatever it was of"
    other = client.post(f"/v1/jobs/{old}:clone", json={"seed": 2}, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency-conflict")


def nested(depth: int, opening: str, closing: str) -> str:
    return opening * depth + "1" + closing * depth


@pytest.mark.parametrize("depth", [17, 200, 20_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("field", ["name", "space", "training", "labels", "unknown"])
def test_bodies_that_nest_without_end_are_refused(
    edge: TestClient, field: str, opening: str, closing: str, depth: int
) -> None:
    headers = {"Content-Type": "application/json"}
    value = nested(depth, opening, closing)
    for path in ("/v1/jobs", "/v1/jobs?dry_run=true"):
        content = f'{{"model": {{"name": "mlp"}}, "dataset": {{"name": "digits"}}, "{field}": {value}}}'
        response = edge.post(path, content=content, headers=headers)
        assert response.status_code in (400, 422), (path, response.text[:300])


@pytest.mark.parametrize("depth", [17, 800, 20_000])
def test_a_clones_changes_too(client: TestClient, depth: int) -> None:
    old = client.post("/v1/jobs", json=SMALLEST_JOB).json()["id"]
    headers: dict[str, Any] = {"Content-Type": "application/json"}
    for content in (nested(depth, '{"a":', "}"), f'{{"name": {nested(depth, "[", "]")}}}'):
        response = client.post(f"/v1/jobs/{old}:clone", content=content, headers=headers)
        assert response.status_code in (400, 422), response.text[:300]
