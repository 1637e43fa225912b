"""Whole numbers: what JSON Schema calls an integer, and nothing that merely looks like one."""

import pytest
from starlette.testclient import TestClient

from service.examples import SMALLEST_JOB


@pytest.mark.parametrize("seed", [9, 9.0, 1e3])
def test_a_number_without_a_fraction_is_whole(edge: TestClient, seed: float) -> None:
    planned = edge.post("/v1/jobs?dry_run=true", json=SMALLEST_JOB | {"seed": seed})
    assert (planned.status_code, planned.json()["spec"]["seed"]) == (200, seed)
    assert isinstance(planned.json()["spec"]["seed"], int)


@pytest.mark.parametrize("seed", [9.5, "9", True, None, 1e300, [9]])
def test_others_are_refused(edge: TestClient, seed: object) -> None:
    refused = edge.post("/v1/jobs?dry_run=true", json=SMALLEST_JOB | {"seed": seed})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "seed")


def test_limits_stand_in_the_document(edge: TestClient) -> None:
    schemas = edge.get("/openapi.json").json()["components"]["schemas"]
    seed = schemas["JobBody"]["properties"]["seed"]
    assert (seed["type"], seed["minimum"], seed["exclusiveMaximum"]) == ("integer", 0, 2**53)
    priority = schemas["PriorityBody"]["properties"]["priority"]
    assert (priority["type"], priority["minimum"], priority["maximum"]) == ("integer", -100, 100)
