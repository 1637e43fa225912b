"""The OpenAPI document: whole, and its examples true."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from store import tokens
from store.sessions import Database
from tests.service import history

MEDIA_TYPE = "application/problem+json"


@pytest.fixture
def document(edge: TestClient) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found: dict[str, Any] = edge.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def test_schemas_are_schemas_and_references_lead_somewhere(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas


def test_every_operation_is_described_and_tells_its_errors(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids)) >= 29
    for path, _method, operation in operations(document):
        assert operation["summary"]
        assert operation["description"]
        assert operation["tags"]
        for status, response in operation["responses"].items():
            assert response["description"]
            if status >= "400":
                assert set(response["content"]) == {MEDIA_TYPE}, (path, status)
        assert "{" not in path or "404" in operation["responses"], path
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_what_may_come_of_any_request_is_documented(document: dict[str, Any]) -> None:
    for path, _method, operation in operations(document):
        parameters, responses = operation.get("parameters", []), operation["responses"]
        assert path == "/healthz" or "`database-unavailable`" in responses["503"]["description"], path
        if "requestBody" in operation:
            assert {"400", "411", "413", "422"} <= set(responses), path
        if any(p["in"] != "path" for p in parameters):
            assert "`invalid-request`" in responses["422"]["description"], path
        for parameter in parameters:
            assert {"type": "null"} not in parameter["schema"].get("anyOf", []), (path, parameter["name"])


def test_what_is_made_tells_where_it_is(document: dict[str, Any]) -> None:
    headers = {
        operation["operationId"]: set(response["headers"])
        for _, _, operation in operations(document)
        for status, response in operation["responses"].items()
        if status == "201"
    }
    assert headers == {
        "submit_job": {"Location", "ETag"},
        "clone_job": {"Location", "ETag"},
        "create_token": {"Location"},
    }


def test_a_clones_changes_are_a_jobs_fields(document: dict[str, Any]) -> None:
    content = document["paths"]["/v1/jobs/{job}:clone"]["post"]["requestBody"]["content"]["application/json"]
    holds = validator(document, content["schema"]).is_valid
    for changes in ({}, {"seed": 1}, {"name": None}, {"model": {"arguments": {"width": 8}}}):
        assert holds(changes)
    for changes in ({"sede": 1}, {"seed": "1"}, [], {"model": 1}):
        assert not holds(changes)


def test_examples_hold_their_schemas(document: dict[str, Any]) -> None:
    count = 0
    for schema in document["components"]["schemas"].values():
        for example in schema.get("examples", []):
            validator(document, schema).validate(example)
            count += 1
    for _, _, operation in operations(document):
        for response in (*operation["responses"].values(), operation.get("requestBody", {})):
            for content in response.get("content", {}).values():
                examples = [e["value"] for e in content.get("examples", {}).values()]
                for example in [*examples, *([content["example"]] if "example" in content else [])]:
                    validator(document, content["schema"]).validate(example)
                    count += 1
    assert count >= 9


def test_requests_of_the_document_are_accepted(document: dict[str, Any], edge: TestClient) -> None:
    content = document["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    bodies = [e["value"] for e in content["examples"].values()]
    bodies += document["components"]["schemas"]["JobBody"]["examples"]
    assert len(bodies) >= 3
    for body in bodies:
        response = edge.post("/v1/jobs?dry_run=true", json=body)
        assert response.status_code == 200, response.text


def examples(document: dict[str, Any], operation: dict[str, Any]) -> list[Any]:
    """The bodies that an operation's documentation shows."""
    content = operation["requestBody"]["content"]["application/json"]
    found = [example["value"] for example in content.get("examples", {}).values()]
    name = content["schema"].get("$ref", "").rpartition("/")[2]
    return found + (document["components"]["schemas"][name].get("examples", []) if name else [])


def test_every_example_of_a_request_is_executed(client: TestClient, database: Database) -> None:
    document = client.get("/openapi.json").json()
    sent = 0
    for path, method, operation in operations(document):
        if "requestBody" not in operation:
            continue
        bodies = examples(document, operation)
        assert bodies, f"{method} {path} shows no example"
        for body in bodies:
            with database.write() as session:
                job_id = history.submitted(session).id
            address = path.format(job=job_id, kind="project", subject="vision")
            response = client.request(method, address, json=body)
            assert response.is_success, f"{method} {address}: {response.text}"
            assert str(response.status_code) in operation["responses"], path
            sent += 1
    assert sent >= 10


def test_real_answers_hold_their_schemas(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.half_done(session).id
        history.over(session)
        token_id = tokens.create(session, "ci", "read", "vision")[0].id
    document = client.get("/openapi.json").json()
    for path, method, operation in operations(document):
        if method != "get" or "{slot}" in path or "artifacts/{name}" in path:  # those have tests of their own
            continue
        known = {"job": job_id, "number": "1", "token": token_id, "kind": "project", "subject": "vision"}
        noun = path.split("/")[2] if path.count("/") > 1 else ""
        name = {"families": "sparse_wide", "models": "mlp", "datasets": "digits"}.get(noun, "")
        response = client.get(path.format(**{**known, "name": name}))
        assert response.status_code == 200, path
        content = operation["responses"]["200"]["content"]
        kind = response.headers["content-type"].partition(";")[0]
        assert kind in content, path
        if kind == "application/json":
            validator(document, content[kind]["schema"]).validate(response.json())
    problem = client.get("/v1/jobs/job_0")
    validator(document, document["components"]["schemas"]["Problem"]).validate(problem.json())
