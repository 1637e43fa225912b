"""The gate: whose token a request carries, before any route sees it; and the audit log of what came in.

Pure ASGI, so that WebSockets pass it too. It answers itself: 401 without a live token, 429 too often, 403 where the
token came in the clear although a proxy should have ended TLS. What the viewer may then do is `access.rights`'.
"""

import logging
import math
from collections import OrderedDict

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import problems
from service.access.limits import Buckets
from service.access.rights import OPEN, READERS
from service.access.viewer import LOCAL, NOBODY, Viewer, scopes_of
from service.access.watching import Watching
from service.settings import Settings
from store import audit, tokens
from store.errors import Unavailable
from store.sessions import Database
from store.tables import Token

log = logging.getLogger("service.access")

REALM = 'Bearer realm="sparseift"'
FAILURES_PER_S, FAILURES_AT_ONCE = 0.5, 20  # wrong tokens from one address
REMEMBERED = 4096  # tokens that were right: those are let in although their address has sent many wrong ones


class Gate:
    """Puts the viewer beside the request, as `scope["state"]["viewer"]`.

    Args:
        settings: whether tokens are required, and how often one may ask.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._requests = Buckets(settings.requests_per_s, settings.request_burst)
        self._failures = Buckets(FAILURES_PER_S, FAILURES_AT_ONCE)
        self._right: OrderedDict[str, None] = OrderedDict()  # hashes of tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        try:
            state["viewer"] = await self._viewer(scope)
        except _Refusal as refusal:
            await self._refuse(refusal, scope, receive, send)
            return
        asks: Viewer = state["viewer"]
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] in READERS:
            if asks.token_id is None:
                await self._app(scope, receive, send)
            else:
                database: Database = scope["app"].state.context.database
                await Watching(database, asks.token_id, self._settings.recheck_s, send).run(self._app, scope, receive)
            return
        auditing = _Auditing(scope, asks.token_id or "", asks.project, self._settings.audit_days, send)
        try:
            await self._app(scope, receive, auditing.send)
        except Exception:
            await auditing.note(500)
            raise

    async def _viewer(self, scope: Scope) -> Viewer:
        if not self._settings.require_tokens:
            return LOCAL
        if scope["path"] in OPEN:
            return NOBODY
        if self._settings.behind_tls_proxy and scope["scheme"] not in ("https", "wss"):
            raise _Refusal("tls-required", "Ask through the proxy that ends TLS: this request came in the clear.")
        given = _bearer(Headers(scope=scope))
        client = scope["client"][0] if scope.get("client") else ""
        kept = tokens.digest(given)
        if kept not in self._right and (wait_s := self._failures.wait_s(client)):
            raise _too_often("This address has sent too many wrong tokens.", wait_s)
        token = await self._live(scope, given, client)
        self._right[kept] = None
        self._right.move_to_end(kept)
        while len(self._right) > REMEMBERED:
            self._right.popitem(last=False)
        if wait_s := self._requests.take(token.id):
            rate, burst = self._settings.requests_per_s, self._settings.request_burst
            # A row of the audit log for each time that it begins to ask too often: one for each request would let it
            # fill the log as fast as it asks.
            changes = scope.get("method", "GET") not in READERS
            told = token if changes and self._requests.is_first_refusal(token.id) else None
            raise _too_often(f"This token may ask {rate:g} times a second, and {burst} times at once.", wait_s, told)
        return Viewer(token.id, token.name, scopes_of(token.scope), token.project)

    async def _live(self, scope: Scope, given: str, client: str) -> Token:
        database: Database = scope["app"].state.context.database
        try:
            found = await run_in_threadpool(_present, database, given)
        except (SQLAlchemyError, Unavailable) as error:
            log.warning("database unavailable: %s", error)
            raise _Refusal("database-unavailable", "The database cannot be reached; nothing was changed.") from error
        if found.standing == "live" and found.token is not None:
            return found.token
        self._failures.take(client)
        self._right.pop(tokens.digest(given), None)
        sentence = "This token has expired." if found.standing == "expired" else "This is no valid token."
        challenge = f'{REALM}, error="invalid_token", error_description="{sentence.rstrip(".")}"'
        raise _Refusal("token-invalid", sentence, {"WWW-Authenticate": challenge}, found.token)

    async def _refuse(self, refusal: "_Refusal", scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # 1008: policy violation
            return
        if refusal.token is not None and scope["method"] not in READERS:
            token = refusal.token
            send = _Auditing(scope, token.id, token.project, self._settings.audit_days, send).send
        await refusal.response()(scope, receive, send)


class _Refusal(Exception):
    """An answer of the gate itself; `token` is the row of one that was right once, where it is to be audited."""

    def __init__(self, code: str, detail: str, headers: dict[str, str] | None = None, token: Token | None = None):
        self.code, self.detail, self.headers, self.token = code, detail, headers, token
        super().__init__(detail)

    def response(self) -> JSONResponse:
        return problems.response(self.code, self.detail, headers=self.headers)


class _Auditing:
    """Sends an answer on once it stands in the audit log: who sees a change made can find out who made it."""

    def __init__(self, scope: Scope, token_id: str, project: str | None, days: float, send: Send) -> None:
        self._scope, self._token_id, self._project, self._days = scope, token_id, project, days
        self._send = send
        self._is_noted = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self.note(message["status"], Headers(raw=message["headers"]).get("location", ""))
        await self._send(message)

    async def note(self, status: int, made: str = "") -> None:
        """Write the row, once. Where the database is away the log's line is all there is.

        Args:
            made: the address of what the request made. What an endpoint puts into the request's state as `audited`
                stands in the row too: which jobs a body names.
        """
        if self._is_noted:
            return
        self._is_noted = True
        route = self._scope.get("route")
        client = self._scope.get("client")
        fields = {
            "token_id": self._token_id,
            "project": self._project,
            "action": getattr(route, "name", None) or self._scope["method"],
            "target": " ".join(filter(None, (self._scope["path"], made, self._scope["state"].get("audited")))),
            "status": status,
            "client": client[0] if client else "",
            "request_id": self._scope["state"].get("request_id", ""),
        }
        log.info("audit", extra=fields)
        try:
            await run_in_threadpool(_append, self._scope["app"].state.context.database, fields, self._days)
        except (SQLAlchemyError, Unavailable):
            log.exception("the audit log could not be written", extra=fields)


def _bearer(headers: Headers) -> str:
    """The token that was sent.

    Raises:
        _Refusal: none, or more than one.
    """
    given = headers.getlist("authorization")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        sentence = "Send a token, as 'Authorization: Bearer sift_…'; `sparseift tokens create` makes one."
        raise _Refusal("token-missing", sentence, {"WWW-Authenticate": REALM})
    return token.strip()


def _too_often(sentence: str, wait_s: float, token: Token | None = None) -> _Refusal:
    seconds = max(1, math.ceil(wait_s))
    return _Refusal("rate-limited", f"{sentence} Ask again in {seconds} s.", {"Retry-After": str(seconds)}, token)


def _present(database: Database, given: str) -> tokens.Presented:
    with database.read() as session:
        found = tokens.present(session, given)
    if found.standing == "live" and found.is_touch_due and found.token is not None:
        with database.write() as session:
            tokens.touch(session, found.token.id)
    return found


def _append(database: Database, fields: dict[str, object], days: float) -> None:
    with database.write() as session:
        audit.append(session, **fields, days=days)  # type: ignore[arg-type]
