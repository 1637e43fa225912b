"""Every exception that an endpoint may raise, as a problem: the one place where errors meet HTTP."""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from service import problems
from service.methods import allowed
from service.planner import PlannerUnavailable
from sparseift.errors import Infeasible, InvalidValue, NothingToTransform, UnknownName
from store.errors import IdempotencyConflict, NotFound, QuotaExceeded, StateConflict, Unavailable, WrongRevision

log = logging.getLogger("service")

HTTP_CODES = {400: "malformed-body", 404: "not-found", 413: "body-too-large"}


def register(app: FastAPI) -> None:
    """Make the app answer every expected exception with a problem; the unexpected are `request_log`'s."""
    for kind, handler in (
        (problems.Refused, refused),
        (RequestValidationError, invalid_request),
        (HTTPException, http_error),
        (UnknownName, unknown_name),
        (InvalidValue, invalid_value),
        (NothingToTransform, nothing_to_transform),
        (Infeasible, infeasible),
        (NotFound, not_found),
        (StateConflict, state_conflict),
        (IdempotencyConflict, idempotency_conflict),
        (QuotaExceeded, quota_exceeded),
        (WrongRevision, wrong_revision),
        (PlannerUnavailable, planner_unavailable),
        (Unavailable, database_unavailable),
        (OperationalError, database_unavailable),
        (InterfaceError, database_unavailable),
        (PoolTimeout, database_unavailable),
    ):
        app.add_exception_handler(kind, handler)


async def refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, problems.Refused)
    return problems.response(error.code, error.detail, headers=error.headers, **error.extensions)


async def invalid_request(request: Request, error: Exception) -> Response:
    """422 with every wrong field; an address that cannot name anything is simply not found."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(e["loc"][0] == "path" for e in found):
        methods = allowed(request.app.routes, request.url.path)
        if request.method not in methods:  # GET of `/v1/jobs/x:cancel` is no job's address
            return not_allowed(request, methods)
        place = next(e for e in found if e["loc"][0] == "path")
        return problems.response("not-found", f"There is no {place['loc'][-1]} {shown(place['input'])}.")
    if any(e["type"] == "json_invalid" for e in found):
        return problems.response("malformed-body", f"The body is not JSON: {found[0]['ctx']['error']}.")
    if found[0]["loc"] == ("body",) and isinstance(found[0]["input"], str | bytes):
        came = request.headers.get("content-type")
        message = "body: send JSON with the header Content-Type: application/json; it came " + (
            f"as {shown(came)}." if came else "without this header."
        )
        return problems.response("invalid-request", message, errors=[{"field": "body", "message": message}])
    # A list whose items are wrong is also "too short": only the innermost complaint helps.
    inner = [e["loc"] for e in found]
    found = [e for e in found if not any(len(x) > len(e["loc"]) and x[: len(e["loc"])] == e["loc"] for x in inner)]
    errors = [{"field": field(e["loc"]), "message": sentence(e)} for e in found]
    more = f" ({len(errors) - 1} more in `errors`)" if len(errors) > 1 else ""
    return problems.response("invalid-request", errors[0]["message"] + more, errors=errors)


def field(location: Sequence[str | int]) -> str:
    """A validation error's place: "space.sparsities.0" in the body, else the parameter's name."""
    inside = location[1:] if location and location[0] in ("body", "query", "header", "path") else location
    return ".".join(str(part) for part in inside) or "body"


def sentence(error: Mapping[str, Any]) -> str:
    """What is wrong, with the offending value."""
    message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    if error["type"] == "missing":
        return f"{field(error['loc'])} is missing."
    if error["type"] == "extra_forbidden":
        return f"{field(error['loc'])} is not a field of this request."
    if error["type"] in ("model_attributes_type", "model_type"):
        message = "it must be a JSON object"
    message = message[:1].lower() + message[1:]
    return f"{field(error['loc'])} is {shown(error.get('input'))}: {message}."


def shown(value: object, longest: int = 60) -> str:
    """A value of the request, short and printable."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and abs(value) > 10**30:
        return "a very large integer"
    text = ascii(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


async def http_error(request: Request, error: Exception) -> Response:
    """Starlette's own: no such route, no such method, a body that cannot be parsed."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return not_allowed(request, allowed(request.app.routes, request.url.path))
    code = HTTP_CODES.get(error.status_code, "internal" if error.status_code >= 500 else "malformed-body")
    detail = f"There is nothing at {shown(request.url.path)}." if code == "not-found" else str(error.detail)
    return problems.response(code, detail, headers=dict(error.headers or {}))


def not_allowed(request: Request, methods: Sequence[str]) -> Response:
    """405 with the methods that the address takes."""
    sentence = f"{request.method} is not among the methods of {shown(request.url.path)}: {', '.join(methods)}."
    return problems.response("method-not-allowed", sentence, headers={"Allow": ", ".join(methods)})


async def unknown_name(_: Request, error: Exception) -> Response:
    assert isinstance(error, UnknownName)
    return problems.response("unknown-name", str(error), **problems.name_members(error))


async def invalid_value(_: Request, error: Exception) -> Response:
    return problems.response("invalid-request", str(error))  # from below the edge, where no fields are known


async def nothing_to_transform(_: Request, error: Exception) -> Response:
    return problems.response("nothing-to-transform", str(error))


async def infeasible(_: Request, error: Exception) -> Response:
    assert isinstance(error, Infeasible)
    return problems.response("infeasible", str(error), nearest=list(error.nearest))


async def not_found(_: Request, error: Exception) -> Response:
    return problems.response("not-found", str(error))


async def state_conflict(_: Request, error: Exception) -> Response:
    assert isinstance(error, StateConflict)
    return problems.response("state-conflict", str(error), state=error.state)


async def idempotency_conflict(_: Request, error: Exception) -> Response:
    return problems.response("idempotency-conflict", str(error))


async def quota_exceeded(_: Request, error: Exception) -> Response:
    assert isinstance(error, QuotaExceeded)
    numbers: dict[str, Any] = {"kind": error.kind, "subject": error.subject, "used": error.used, "limit": error.limit}
    return problems.response("quota-exceeded", str(error), quota=error.quota, **numbers)


async def wrong_revision(_: Request, error: Exception) -> Response:
    """What it says names the database and its revisions: that is the operator's, and this answer anybody's."""
    log.error("%s", error)
    sentence = "The database is not at this program's revision; the service's log has the command that puts it right."
    return problems.response("wrong-revision", sentence)


async def planner_unavailable(_: Request, error: Exception) -> Response:
    return problems.response("planner-unavailable", str(error))


async def database_unavailable(_: Request, error: Exception) -> JSONResponse:
    """The driver's message may hold addresses and statements: it goes to the log alone."""
    log.warning("database unavailable: %s", error)
    return problems.response("database-unavailable", "The database cannot be reached; nothing was changed.")
