"""A response from a generator that holds something: both are let go however the response ends."""

from collections.abc import Generator, Iterator

from anyio import CancelScope
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from service.places import Places


class Held(StreamingResponse):
    """Closes its generator and gives its place back, also for a client that left in the middle.

    Args:
        pieces: a generator; what it opens is closed when it is.
        places: of which the caller has acquired one.
    """

    def __init__(self, pieces: Iterator[bytes], places: Places, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(pieces, media_type=media_type, headers=headers)
        self._pieces, self._places = pieces, places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            try:
                if isinstance(self._pieces, Generator):
                    with CancelScope(shield=True):  # the client's leaving has cancelled everything else
                        await run_in_threadpool(self._pieces.close)
            finally:
                self._places.release()
