"""The gate before the notebooks: a pure ASGI wrapper, so that it sees WebSockets too, which HTTP middleware does not.

What it holds off, on a machine where any web page may send requests to loopback:
    DNS rebinding       the Host header must be a loopback name or the host served on
    foreign pages       WebSockets and whatever is not a GET need an Origin equal to the Host (cookies ignore ports)
    anonymous sockets   all but the page itself and its static files needs the cookie that the page set
    stolen sessions     a marimo session belongs to the cookie that first named it
    leaking pages       a Content-Security-Policy lets the page talk to this origin alone
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
COOKIE = "sparseift_viewer"
REMEMBERED_SESSIONS = 4096
YEAR_S = 31_536_000
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
PAGE_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
STATIC_SUFFIXES = (".ico", ".png", ".json", ".css", ".js", ".woff2")


class Gate:
    """Lets through what a viewer's own page asks for.

    Args:
        app: what is behind the gate.
        hosts: names beside the loopback ones that the Host header may carry.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = LOOPBACK_NAMES | set(hosts)
        self._key = secrets.token_bytes(32)  # cookies end with the process
        self._owners: OrderedDict[str, str] = OrderedDict()  # marimo session -> viewer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection: refused with 403 (1008 for a WebSocket), or passed on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        viewer = self._viewer(scope)
        refusal = self._refusal(scope, viewer)
        if refusal is None:
            await self._app(scope, receive, self._sender(scope, viewer, send))
        elif scope["type"] == "websocket":
            await receive()  # the handshake, which a close before accept answers with 403
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        else:
            await PlainTextResponse(refusal, status_code=403)(scope, receive, send)

    def _refusal(self, scope: Scope, viewer: str | None) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _hostname(host) not in self._hosts:
            return f"This server answers on {', '.join(sorted(self._hosts))} only."
        reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if not reads and (origin := _authority(headers.get("origin", ""))) != host:
            return f"Pages of {origin or 'an unknown origin'} may not use these notebooks."
        if reads and (_is_page(scope["path"]) or _is_static(scope["path"])):
            return None
        if viewer is None:
            return "Open the page first: its cookie is missing or from before a restart."
        named = (headers.get("marimo-session-id"), QueryParams(scope["query_string"]).get("session_id"))
        if not all(self._owns(viewer, session) for session in named if session):
            return "This session belongs to another viewer."
        return None

    def _owns(self, viewer: str, session: str) -> bool:
        owner = self._owners.setdefault(session, viewer)
        self._owners.move_to_end(session)
        while len(self._owners) > REMEMBERED_SESSIONS:
            self._owners.popitem(last=False)
        return owner == viewer

    def _sign(self, name: str) -> str:
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()

    def _viewer(self, scope: Scope) -> str | None:
        """The viewer whose genuine cookie came along."""
        try:
            cookie = SimpleCookie(Headers(scope=scope).get("cookie", "")).get(COOKIE)
        except CookieError:
            return None
        name, _, signature = cookie.value.partition(".") if cookie else ("", "", "")
        return name if name and hmac.compare_digest(signature, self._sign(name)) else None

    def _sender(self, scope: Scope, viewer: str | None, send: Send) -> Send:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"].startswith("/assets/") and message["status"] == 200:  # names carry a hash
                    headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
                if _is_page(scope["path"]):
                    headers.update(PAGE_HEADERS)
                    if viewer is None:
                        name = secrets.token_urlsafe(24)
                        value = f"{COOKIE}={name}.{self._sign(name)}; Path=/; HttpOnly; SameSite=Strict"
                        headers.append("Set-Cookie", value)
            await send(message)

        return with_headers


def _hostname(authority: str) -> str | None:
    try:
        return urlsplit(f"//{authority}").hostname
    except ValueError:
        return None


def _authority(origin: str) -> str:
    """The host and port of an Origin header; empty, as no Host header is, where it is malformed."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _is_page(path: str) -> bool:
    return path == "/"


def _is_static(path: str) -> bool:
    """marimo's own files, the same for everyone; the browser fetches manifest.json without cookies."""
    return path.startswith("/assets/") or (path.count("/") == 1 and path.endswith(STATIC_SUFFIXES)) or path == "/health"
