"""The gate before the notebooks: a pure ASGI wrapper, so that it sees WebSockets too, which HTTP middleware does not.

What it holds off, on a machine where any web page may send requests to loopback:
    DNS rebinding       the Host header must be a loopback name or the host served on
    foreign pages       WebSockets and whatever is not a GET need an Origin equal to the Host (cookies ignore ports);
                        the cookie is SameSite=Lax, so that a link in a mail finds its reader signed in
    anonymous sockets   all but the page itself and its static files needs the cookie that the page set
    stolen sessions     a marimo session belongs to the cookie that first named it
    strangers           where the service wants tokens, everything but the login needs one (`login`, `access`)
    leaking pages       a Content-Security-Policy lets the page talk to this origin alone
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analysis.notebooks import login, vault
from analysis.notebooks.access import Access
from analysis.notebooks.shell import PAGES
from analysis.notebooks.vault import COOKIE as COOKIE

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
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
        access: whether viewers must sign in.
        hosts: names beside the loopback ones that the Host header may carry.
        tls_only: a proxy ends TLS before this server: what comes in the clear is refused.
    """

    def __init__(self, app: ASGIApp, access: Access, hosts: Iterable[str] = (), *, tls_only: bool = False) -> None:
        self._app, self._access, self._tls_only = app, access, tls_only
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
        fresh = self._new_cookie()
        if refusal is None and scope["type"] == "http" and scope["path"] in login.PATHS:
            answer = await login.answer(Request(scope, receive), self._value(viewer), fresh, self._access)
            await answer(scope, receive, self._sender(scope, viewer, fresh, send))
            return
        if refusal is None and not _is_static(scope["path"]) and not await self._is_admitted(viewer):
            if scope["type"] == "http" and _is_page(scope["path"]):
                query = scope["query_string"].decode("latin-1")
                target = quote(scope["path"] + (f"?{query}" if query else ""), safe="")
                await RedirectResponse(f"{login.LOGIN}?next={target}", status_code=303)(scope, receive, send)
                return
            refusal = "Sign in first."
        is_open = _is_static(scope["path"]) or (scope["type"] == "http" and _is_page(scope["path"]))
        if refusal is None and not is_open and not self._owns_sessions(viewer, scope):
            refusal = "This session belongs to another viewer."
        if refusal is None:
            await self._app(scope, receive, self._sender(scope, viewer, fresh, send))
        elif scope["type"] == "websocket":
            await receive()  # the handshake, which a close before accept answers with 403
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        else:
            await PlainTextResponse(refusal, status_code=403)(scope, receive, send)

    async def _is_admitted(self, viewer: str | None) -> bool:
        """Whether the viewer may see pages: nobody must sign in, or it has with a token that is still live."""
        if not await self._access.is_required():
            return True
        token = vault.get(self._value(viewer))
        if not token:
            return False
        if await self._access.is_dead(token):
            vault.remove(self._value(viewer))
            return False
        return True

    def _refusal(self, scope: Scope, viewer: str | None) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _hostname(host) not in self._hosts:
            return f"This server answers on {', '.join(sorted(self._hosts))} only."
        if self._tls_only and scope["scheme"] not in ("https", "wss"):
            return "Ask through the proxy that ends TLS: this request came in the clear."
        reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if not reads and (origin := _authority(headers.get("origin", ""))) != host:
            return f"Pages of {origin or 'an unknown origin'} may not use these notebooks."
        if (_is_page(scope["path"]) and reads) or (_is_static(scope["path"]) and reads) or scope["path"] in login.PATHS:
            return None
        if viewer is None:
            return "Open the page first: its cookie is missing or from before a restart."
        return None

    def _owns_sessions(self, viewer: str | None, scope: Scope) -> bool:
        """Whether the marimo sessions that a request names are the viewer's, or now become so."""
        headers = Headers(scope=scope)
        named = (headers.get("marimo-session-id"), QueryParams(scope["query_string"]).get("session_id"))
        return all(viewer is not None and self._owns(viewer, session) for session in named if session)

    def _owns(self, viewer: str, session: str) -> bool:
        owner = self._owners.setdefault(session, viewer)
        self._owners.move_to_end(session)
        while len(self._owners) > REMEMBERED_SESSIONS:
            self._owners.popitem(last=False)
        return owner == viewer

    def _new_cookie(self) -> str:
        name = secrets.token_urlsafe(32)  # 256 bits
        return f"{name}.{self._sign(name)}"

    def _value(self, viewer: str | None) -> str:
        """The cookie that a viewer's browser holds; "" for none."""
        return f"{viewer}.{self._sign(viewer)}" if viewer else ""

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

    def _sender(self, scope: Scope, viewer: str | None, fresh: str, send: Send) -> Send:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_asset = _within_page(scope["path"]).startswith("/assets/")  # their names carry a hash
                if is_asset and message["status"] == 200:
                    headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
                signed_in = "X-Sift-Cookie" in headers
                if signed_in:
                    del headers["X-Sift-Cookie"]
                if _is_page(scope["path"]) or scope["path"] in login.PATHS:
                    headers.update(PAGE_HEADERS)
                if signed_in or (_is_page(scope["path"]) and viewer is None):
                    secure = "; Secure" if scope["scheme"] == "https" else ""
                    headers.append("Set-Cookie", f"{COOKIE}={fresh}; Path=/; HttpOnly; SameSite=Lax{secure}")
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
    return path in PAGES or f"{path}/" in PAGES  # the latter is redirected


def _is_static(path: str) -> bool:
    """marimo's own files, the same for everyone; the browser fetches manifest.json without cookies."""
    path = _within_page(path)
    return path.startswith("/assets/") or (path.count("/") == 1 and path.endswith(STATIC_SUFFIXES)) or path == "/health"


def _within_page(path: str) -> str:
    """The path below its page's: "/best/ws" is "/ws" of that page."""
    first = f"/{path.split('/')[1]}/" if path.count("/") > 1 else "/"
    return path[len(first) - 1 :] if first in PAGES else path
