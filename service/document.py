"""The OpenAPI document: FastAPI's own, with the problem's schema, which the error responses refer to."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service import links, problems
from service.access import document as access
from service.access.rights import OPEN
from service.analyses import examples as analyses
from service.examples import (
    ARTIFACT,
    BULK,
    BULK_RESULTS,
    DEMO_JOB,
    EVENT,
    EXTENSION,
    PATCH,
    PRIORITY,
    SHOWN_JOB,
    SHOWN_TRIAL,
    SLOT,
    WORKER,
)
from service.meta import schemas as meta
from service.problems import Problem

# Put in afterwards: FastAPI drops every null from what it writes, examples included.
EXAMPLES: dict[str, dict[str, Any]] = {
    "JobBody": DEMO_JOB,
    "JobView": SHOWN_JOB,
    "TrialDetail": SHOWN_TRIAL,
    "EventView": EVENT,
    "JobPatch": PATCH,
    "Extension": EXTENSION,
    "PriorityBody": PRIORITY,
    "BulkBody": BULK,
    "BulkResults": BULK_RESULTS,
    "ArtifactView": ARTIFACT,
    "WorkerView": WORKER,
    "SlotView": SLOT,
    **access.EXAMPLES,
    **analyses.EXAMPLES,
    **meta.EXAMPLES,
}

DESCRIPTION = """
Submit a search (model × data set × families × budget) and read the iso-FLOP curve: at exactly the dense model's FLOPs,
which Sparse-IFT family, at which sparsity, is best, and how surely.

Errors are `application/problem+json` (RFC 9457) with a stable `code`. Lists are pages: pass `next_page_token` on.
FLOPs are forward FLOPs per sample unless a name says otherwise; one multiply-add is 2 FLOPs. Times are UTC.
"""


def document(app: FastAPI, *, tokens_required: bool) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version=app.openapi_version,
            description=app.description,
            routes=app.routes,
        )
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(schema.pop("$defs", {}))
        schemas["Problem"] = schema
        for name, example in EXAMPLES.items():
            schemas[name]["examples"] = [example]
        _forget_validation_error(made)
        _forget_null_parameters(made)
        _tell_clone(made)
        _share(made)
        links.add(made)
        access.secure(made, required=tokens_required)
        app.openapi_schema = made
    return app.openapi_schema


def _forget_validation_error(made: dict[str, Any]) -> None:
    """FastAPI documents its own 422 where an address is all that is validated; ours is a 404 there."""
    for item in made["paths"].values():
        for operation in item.values():
            operation["responses"] = {
                status: response
                for status, response in operation["responses"].items()
                if status != "422" or "application/json" not in response["content"]
            }
    for name in ("HTTPValidationError", "ValidationError"):
        made["components"]["schemas"].pop(name, None)


def _forget_null_parameters(made: dict[str, Any]) -> None:
    """A parameter is left out or has a value: FastAPI also allows the null that stands for its absence in Python."""
    for item in made["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                schema = parameter["schema"]
                kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
                if len(kinds) == 1:
                    schema.pop("anyOf")
                    schema.update(kinds[0])


def _tell_clone(made: dict[str, Any]) -> None:
    """What a clone may change is a job's fields, none of them required and each of them nullable."""
    fields = made["components"]["schemas"]["JobBody"]["properties"]
    partly = {"type": "object"}  # of a named entry the arguments alone may be given
    changes = {
        name: {"anyOf": [partly if name in ("model", "dataset") else schema, {"type": "null"}]}
        for name, schema in fields.items()
    }
    content = made["paths"]["/v1/jobs/{job}:clone"]["post"]["requestBody"]["content"]["application/json"]
    content["schema"] |= {"properties": changes, "additionalProperties": False}


def _share(made: dict[str, Any]) -> None:
    """What may come of any address: no database, and whatever is refused of a body before it is read."""
    for path, item in made["paths"].items():
        for operation in item.values():
            if path != "/healthz":
                problems.tell(operation["responses"], "database-unavailable")
            if path == "/v1/jobs/{job}":  # which `/v1/jobs/x:cancel` looks like
                problems.tell(operation["responses"], "method-not-allowed")
            if "requestBody" in operation:
                problems.tell(operation["responses"], "malformed-body", "body-too-large", "length-required")
            if path not in OPEN:  # where unknown parameters are refused
                problems.tell(operation["responses"], "invalid-request")
