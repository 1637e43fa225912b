"""Answers that go on for long: an event stream or a followed log ends soon after its token does."""

import time

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from store import tokens
from store.sessions import Database


class _Ended(Exception):
    """The token is not live any more."""


class Watching:
    """Sends an answer on, and looks at the token again every `every_s` seconds while there is more to come.

    An answer whose length was declared is left to end by itself: cut short, it would only be fetched again.

    Args:
        token_id: whose answer it is.
    """

    def __init__(self, database: Database, token_id: str, every_s: float, send: Send) -> None:
        self._database, self._token_id, self._every_s = database, token_id, every_s
        self._send, self._looked_s, self._is_open = send, time.monotonic(), False

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        """Let the application answer; where it was broken off, the answer is complete as far as it came."""
        try:
            await app(scope, receive, self._sending)
        except _Ended:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _sending(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._is_open = "content-length" not in Headers(raw=message["headers"])
        elif self._is_open and message.get("more_body") and time.monotonic() - self._looked_s > self._every_s:
            if not await run_in_threadpool(self._is_live):
                raise _Ended
            self._looked_s = time.monotonic()
        await self._send(message)

    def _is_live(self) -> bool:
        with self._database.read() as session:
            return tokens.is_live(session, self._token_id)
