"""Links of the document: to operations that exist, with their own parameters, from answers that hold the values."""

from typing import Any

from starlette.testclient import TestClient

from service.links import LINKS


def test_links_lead_to_operations_with_all_their_parameters(edge: TestClient) -> None:
    document = edge.get("/openapi.json").json()
    operations = {
        operation["operationId"]: (path, operation)
        for path, item in document["paths"].items()
        for operation in item.values()
    }
    seen = 0
    for (source, status), targets in LINKS.items():
        path, operation = operations[source]
        assert set(operation["responses"][status]["links"]) == set(targets)
        schema = operation["responses"][status]["content"]["application/json"]["schema"]
        for target, values in targets.items():
            parameters = operations[target][1].get("parameters", [])
            required = {p["name"] for p in parameters if p["in"] == "path"}
            assert required <= set(values) <= {p["name"] for p in parameters}, (source, target)
            for expression in values.values():
                assert leads(document, path, operation["responses"][status], schema, expression), expression
                seen += 1
    assert seen > 80


def leads(
    document: dict[str, Any], path: str, response: dict[str, Any], schema: dict[str, Any], expression: str
) -> bool:
    """Whether an expression names a field, a header or a parameter that there is."""
    if expression.startswith("$request.path."):
        return f"{{{expression.removeprefix('$request.path.')}}}" in path
    if expression.startswith("$response.header."):
        return expression.removeprefix("$response.header.") in response["headers"]
    for step in expression.removeprefix("$response.body#/").split("/"):
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        schema = schema["items"] if step == "0" else schema["properties"][step]
    return True
