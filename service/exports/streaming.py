"""A response from a generator that holds something: both are let go however the response ends, and in time."""

import logging
from collections.abc import Generator, Iterator

from anyio import CancelScope, move_on_after
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from service.places import Seats

log = logging.getLogger("service.exports")


class Held(StreamingResponse):
    """Closes its generator and gives its place back, also for a client that left in the middle.

    Args:
        pieces: a generator; what it opens is closed when it is.
        places: of which the caller has acquired one.
        longest_s: after so long it is broken off. The answer is then not completed, so that nobody takes it for whole.
    """

    def __init__(
        self, pieces: Iterator[bytes], places: Seats, media_type: str, headers: dict[str, str], longest_s: float
    ) -> None:
        super().__init__(pieces, media_type=media_type, headers=headers)
        self._pieces, self._places, self._longest_s = pieces, places, longest_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with move_on_after(self._longest_s) as time_left:
                await super().__call__(scope, receive, send)
            if time_left.cancelled_caught:
                log.warning("an export of %s was broken off after %g s", scope["path"], self._longest_s)
        finally:
            try:
                if isinstance(self._pieces, Generator):
                    with CancelScope(shield=True):  # the client's leaving has cancelled everything else
                        await run_in_threadpool(self._pieces.close)
            finally:
                self._places.release()
