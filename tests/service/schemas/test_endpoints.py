"""The published schema of job files."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from service.examples import DEMO_JOB, SMALLEST_JOB


@pytest.fixture
def schema(edge: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = edge.get("/v1/schemas/job").json()
    Draft202012Validator.check_schema(found)
    return found


def test_what_the_service_takes_holds_the_schema(schema: dict[str, Any]) -> None:
    validator = Draft202012Validator(schema)
    for job in (DEMO_JOB, SMALLEST_JOB):
        validator.validate(job)
    for wrong in ({"callback": 1}, {"seed": -1}, {"labels": {"a": 1}}, {"budget": {"search_trials": 0}}):
        assert not validator.is_valid({**SMALLEST_JOB, **wrong})


def test_every_field_is_told_of(schema: dict[str, Any]) -> None:
    parts = {"job": schema, **{k: v for k, v in schema["$defs"].items() if "properties" in v}}
    for name, part in parts.items():
        for field, told in part["properties"].items():
            assert told.get("description") or "anyOf" in told, f"{name}.{field}"
    assert "resnet" in str(schema["properties"]["model"]) or "resnet" in str(schema["$defs"]["ModelName"])
