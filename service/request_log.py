"""Around every request: an id, one line of log, and the last catch for errors that nobody expected."""

import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import problems

log = logging.getLogger("service.request")

HEADER = "X-Request-ID"
GIVEN = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # a caller's own id is kept where it is harmless in a log


class RequestLog:
    """Pure ASGI, the outermost: what it wraps may stream."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if GIVEN.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0
        began = time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[HEADER] = request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            log.exception("unexpected error", extra={"request_id": request_id})
            if status:
                raise  # the response has begun: all that is left is to break it off
            detail = f"The service failed; its log says why, at request {request_id}."
            await problems.response("internal", detail, request_id=request_id)(scope, receive, noting)
        finally:
            fields = {
                "request_id": request_id,
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "ms": round((time.perf_counter() - began) * 1000, 1),
            }
            if trace_id := scope["state"].get("trace_id"):
                fields["trace_id"] = trace_id
            log.info("request", extra=fields)
