"""What is refused before any endpoint sees it: foreign hosts, foreign pages, bodies without bounds.

On loopback the service asks for no token, so a web page in the user's browser must not be able to use it: not by DNS
rebinding (the Host header is then not a loopback name), not by posting a form across origins. Elsewhere tokens are
required, and the names that it is served under are trusted beside loopback's.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service import problems

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_named(authority: str, names: frozenset[str] = LOOPBACK_NAMES) -> bool:
    """Whether "host", "host:port" or "[v6]:port" is one of these names; by default, this machine's loopback."""
    try:
        return urlsplit(f"//{authority}").hostname in names
    except ValueError:
        return False


def is_page_of(origin: str, names: frozenset[str]) -> bool:
    """Whether an Origin header names a page of one of these hosts; a malformed one names nothing."""
    try:
        return is_named(urlsplit(origin).netloc, names)
    except ValueError:
        return False


class Guards:
    """Pure ASGI, so that it sees every kind of connection.

    Args:
        body_bytes: the largest request body.
        hosts: names that are answered to, beside loopback's.
        origins: whose pages may ask, beside those of the hosts.
    """

    def __init__(self, app: ASGIApp, body_bytes: int, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._app, self._body_bytes = app, body_bytes
        self._hosts = LOOPBACK_NAMES | {host.lower() for host in hosts}
        self._origins = frozenset(origins)

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
        if not is_named(headers.get("host", ""), self._hosts):
            return "foreign-host", f"This server answers on {', '.join(sorted(self._hosts))} only."
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            return None
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins and not is_page_of(origin, self._hosts):
            return "foreign-origin", "Pages of other sites may not change anything here."
        if "transfer-encoding" in headers:
            return "length-required", "Send the body with a Content-Length, not in chunks."
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > self._body_bytes:
            return "body-too-large", f"The body may have at most {self._body_bytes} bytes."
        return None
