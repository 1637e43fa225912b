"""Errors as the API speaks them: RFC 9457 problem+json with a stable `code`."""

from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from sparseift.errors import InvalidValue, SparseIFTError, UnknownName

MEDIA_TYPE = "application/problem+json"

# code -> (status, title). Clients may rely on codes for ever; titles and details are for people.
CODES: dict[str, tuple[int, str]] = {
    "invalid-request": (422, "The request is not valid"),
    "unknown-name": (422, "No catalog holds this name"),
    "infeasible": (422, "No sizes meet the FLOP budget"),
    "nothing-to-transform": (422, "The model has no layer to transform"),
    "malformed-body": (400, "The body is not JSON"),
    "not-found": (404, "There is no such thing"),
    "log-unavailable": (404, "This output cannot be read here"),
    "artifacts-unavailable": (404, "Files cannot be read here"),
    "method-not-allowed": (405, "This address does not take this method"),
    "not-acceptable": (406, "None of the accepted formats is offered"),
    "state-conflict": (409, "The job's state does not allow this"),
    "idempotency-conflict": (409, "This Idempotency-Key belongs to another request"),
    "stale-etag": (412, "It was changed since it was read"),
    "range-not-satisfiable": (416, "The file has no such bytes"),
    "length-required": (411, "The body's length must be declared"),
    "body-too-large": (413, "The body is too large"),
    "token-missing": (401, "A token is required"),
    "token-invalid": (401, "The token is not valid, or not any more"),
    "scope-missing": (403, "The token's scope does not allow this"),
    "other-project": (403, "The token belongs to another project"),
    "tls-required": (403, "A token may not come in the clear"),
    "foreign-origin": (403, "Another site's page may not change anything here"),
    "foreign-host": (421, "This server does not answer to this name"),
    "rate-limited": (429, "Too many requests"),
    "quota-exceeded": (429, "The quota is used up"),
    "internal": (500, "The service failed"),
    "format-unavailable": (501, "This service lacks what this format needs"),
    "database-unavailable": (503, "The database cannot be reached"),
    "wrong-revision": (503, "The database is at another revision"),
    "planner-unavailable": (503, "The planner did not answer"),
    "renderer-busy": (503, "Too many drawings are waited for"),
    "too-many-streams": (503, "Too many streams, logs or exports are open"),
}


class FieldError(BaseModel):
    """One field of the request that is wrong."""

    field: str = Field(description="Where: a path with dots into the body, or a parameter's name.")
    message: str


class Problem(BaseModel):
    """An error (RFC 9457). `code` is stable; further members depend on it."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:sparseift:problem:unknown-name",
                    "title": "No catalog holds this name",
                    "status": 422,
                    "code": "unknown-name",
                    "detail": "There is no model 'resnet99'; the known ones are mlp, resnet, gpt.",
                    "known": ["mlp", "resnet", "gpt"],
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldError] | None = Field(
        default=None, description="With `invalid-request` and `unknown-name`: each wrong field, where it is known."
    )
    known: list[str] | None = Field(default=None, description="With `unknown-name`: the legal names.")
    state: str | None = Field(default=None, description="With `state-conflict`: the job's state.")
    nearest: list[float] | None = Field(default=None, description="With `infeasible`: the nearest feasible sparsities.")


class Refused(SparseIFTError):
    """A request that the edge itself refuses.

    Args:
        code: a key of `CODES`.
        detail: one sentence.
        headers: of the response.
        extensions: further members of the problem.
    """

    def __init__(self, code: str, detail: str, *, headers: dict[str, str] | None = None, **extensions: Any) -> None:
        self.code, self.detail, self.headers, self.extensions = code, detail, headers or {}, extensions
        super().__init__(detail)


def invalid(field: str, message: str) -> Refused:
    """The refusal of one field."""
    return Refused("invalid-request", f"{field}: {message}", errors=[{"field": field, "message": message}])


def name_members(error: UnknownName) -> dict[str, Any]:
    """What a problem of code `unknown-name` carries beside its sentence."""
    return {"kind": error.kind, "name": error.name, "known": list(error.known)}


def at_field(field: str, error: UnknownName | InvalidValue) -> Refused:
    """The library's complaint about the field that it is about; sentence and code stay."""
    errors = [{"field": field, "message": str(error)}]
    if isinstance(error, UnknownName):
        return Refused("unknown-name", str(error), errors=errors, **name_members(error))
    return Refused("invalid-request", str(error), errors=errors)


def body(code: str, detail: str, **extensions: Any) -> dict[str, Any]:
    """The JSON of a problem."""
    status, title = CODES[code]
    head = {"type": f"urn:sparseift:problem:{code}", "title": title, "status": status, "code": code}
    return {**head, "detail": detail, **extensions}


def response(code: str, detail: str, *, headers: dict[str, str] | None = None, **extensions: Any) -> JSONResponse:
    """The response of a problem."""
    status = CODES[code][0]
    if status == 503:
        headers = {"Retry-After": "5", **(headers or {})}
    return JSONResponse(body(code, detail, **extensions), status_code=status, headers=headers, media_type=MEDIA_TYPE)


def documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's `responses` for these codes, joined by status."""
    by_status: dict[int | str, list[str]] = {}
    for code in codes:
        by_status.setdefault(CODES[code][0], []).append(code)
    return {
        status: {
            "description": "; ".join(f"`{code}`: {CODES[code][1].lower()}" for code in sorted(group)) + ".",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, group in by_status.items()
    }


def tell(responses: dict[str, Any], *codes: str) -> None:
    """Add codes to an operation's `responses` in the document, beside what is said of their statuses already."""
    for code in codes:
        ((status, ours),) = documented(code).items()
        known = responses.setdefault(str(status), ours)
        if f"`{code}`" not in known["description"]:
            known["description"] = f"{known['description'].rstrip('.')}; {ours['description']}"
