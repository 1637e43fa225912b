"""A stream lets go of what it holds, however it ends."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from service.access.viewer import LOCAL
from service.exports.streaming import Held
from service.places import Places
from tests import looping


class Source:
    """Pieces without end, from something that must be closed."""

    def __init__(self) -> None:
        self.closed = False

    def pieces(self) -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 1000
        finally:
            self.closed = True


def answered(source: Source, places: Places, *, asgi: str, leaves_after: int) -> int:
    """Send to a client that leaves after so many pieces; how many it was sent."""
    sent = 0

    async def talk() -> None:
        left = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal sent
            if message["type"] == "http.response.body":
                sent += 1
                if sent >= leaves_after:
                    left.set()
                    if asgi >= "2.4":
                        raise OSError("The client has left.")
                await asyncio.sleep(0)

        scope = {"type": "http", "method": "GET", "asgi": {"spec_version": asgi}, "headers": [], "path": "/"}
        await Held(source.pieces(), places.of(LOCAL), "text/csv", {}, 60.0)(scope, receive, send)

    try:
        looping.run(talk())
    except Exception as error:
        assert type(error).__name__ == "ClientDisconnect"
    return sent


@pytest.mark.parametrize("asgi", ["2.3", "2.4"])
def test_a_client_that_leaves_takes_nothing_with_it(asgi: str) -> None:
    source, places = Source(), Places(1)
    assert places.acquire()
    assert answered(source, places, asgi=asgi, leaves_after=3) >= 3
    assert source.closed
    assert places.taken == 0


def test_a_source_that_fails_is_closed_too() -> None:
    places = Places(1)
    assert places.acquire()

    def broken() -> Iterator[bytes]:
        yield b"a"
        raise RuntimeError("The database is away.")

    async def talk() -> None:
        async def receive() -> dict[str, Any]:
            await asyncio.sleep(60)
            return {"type": "http.disconnect"}

        async def send(_message: Any) -> None:
            return

        scope = {"type": "http", "method": "GET", "asgi": {"spec_version": "2.4"}, "headers": [], "path": "/"}
        await Held(broken(), places.of(LOCAL), "text/csv", {}, 60.0)(scope, receive, send)

    with pytest.raises((RuntimeError, BaseExceptionGroup), match=r"database is away|unhandled"):
        looping.run(talk())
    assert places.taken == 0


def test_a_reader_that_takes_nothing_loses_its_place(caplog: pytest.LogCaptureFixture) -> None:
    source, places = Source(), Places(1)
    assert places.acquire()
    sent: list[Any] = []

    async def talk() -> None:
        async def receive() -> dict[str, Any]:
            await asyncio.sleep(60)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) == 3:
                await asyncio.sleep(60)  # its buffers are full

        scope = {"type": "http", "method": "GET", "asgi": {"spec_version": "2.4"}, "headers": [], "path": "/x"}
        await Held(source.pieces(), places.of(LOCAL), "text/csv", {}, 0.2)(scope, receive, send)

    looping.run(talk())
    assert source.closed
    assert places.taken == 0
    assert all(message.get("more_body", True) for message in sent), "it is not said to be whole"
    assert "an export of /x was broken off after 0.2 s" in caplog.text
