"""What is refused before any endpoint sees it: foreign hosts, foreign pages, bodies without bounds.

The service listens on loopback only and asks for no token, so a web page in the user's browser must not be able to
use it: not by DNS rebinding (the Host header is then not a loopback name), not by posting a form across origins.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service import problems

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_loopback(authority: str) -> bool:
    """Whether "host", "host:port" or "[v6]:port" names this machine's loopback."""
    try:
        return urlsplit(f"//{authority}").hostname in LOOPBACK_NAMES
    except ValueError:
        return False


def is_loopback_page(origin: str) -> bool:
    """Whether an Origin header names a page of this machine; a malformed one names nothing."""
    try:
        return is_loopback(urlsplit(origin).netloc)
    except ValueError:
        return False


class Guards:
    """Pure ASGI, so that it sees every kind of connection.

    Args:
        body_bytes: the largest request body.
    """

    def __init__(self, app: ASGIApp, body_bytes: int) -> None:
        self._app, self._body_bytes = app, body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # 1008: policy violation
        else:
            await problems.response(*refusal, headers={"Connection": "close"})(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[str, str] | None:
        headers = Headers(scope=scope)
        if not is_loopback(headers.get("host", "")):
            return "foreign-host", f"This server answers on {', '.join(sorted(LOOPBACK_NAMES))} only."
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            return None
        origin = headers.get("origin")
        if origin is not None and not is_loopback_page(origin):
            return "foreign-origin", "Pages of other sites may not change anything here."
        if "transfer-encoding" in headers:
            return "length-required", "Send the body with a Content-Length, not in chunks."
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > self._body_bytes:
            return "body-too-large", f"The body may have at most {self._body_bytes} bytes."
        return None
