"""The OpenAPI document: FastAPI's own, with the problem's schema, which the error responses refer to."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.examples import DEMO_JOB, EVENT, SHOWN_JOB, SHOWN_TRIAL
from service.problems import Problem

# Put in afterwards: FastAPI drops every null from what it writes, examples included.
EXAMPLES: dict[str, dict[str, Any]] = {
    "JobBody": DEMO_JOB,
    "JobView": SHOWN_JOB,
    "TrialDetail": SHOWN_TRIAL,
    "EventView": EVENT,
}

DESCRIPTION = """
Submit a search (model × data set × families × budget) and read the iso-FLOP curve: at exactly the dense model's FLOPs,
which Sparse-IFT family, at which sparsity, is best, and how surely.

Errors are `application/problem+json` (RFC 9457) with a stable `code`. Lists are pages: pass `next_page_token` on.
FLOPs are forward FLOPs per sample unless a name says otherwise; one multiply-add is 2 FLOPs. Times are UTC.
"""


def document(app: FastAPI) -> dict[str, Any]:
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
