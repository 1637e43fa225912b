"""Server-sent events: a job's log as it grows, until the job has ended.

A stream waits without holding a thread or a connection of the database: only the short looks take one.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable

from fastapi.concurrency import run_in_threadpool

from service.events.schemas import EventView
from service.settings import Settings

PAGE = 200  # events of one look

Look = Callable[[int, int], tuple[list[EventView], str | None]]


def message(event: EventView) -> str:
    """One event as the stream carries it; its id comes back as `Last-Event-ID` when a client reconnects."""
    # ASCII: a reader that also ends lines at U+0085 or U+2028, as many do, would cut a message there.
    data = json.dumps(event.model_dump(mode="json"), separators=(",", ":"))
    return f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n"


async def messages(look: Look, after: int, settings: Settings, stopping: Callable[[], bool]) -> AsyncIterator[str]:
    """The stream's text.

    Args:
        look: (after, limit) -> the next events, and the job's final state once there are no more to come.
        after: id of the last event that the client has.
        stopping: whether the server shuts down; the client then reconnects to the next one.
    """
    yield f"retry: {int(settings.event_poll_s * 2000)}\n\n"  # ms until a client reconnects
    spoken_s = time.monotonic()
    while not stopping():
        events, final_state = await run_in_threadpool(look, after, PAGE)
        for event in events:
            yield message(event)
            after = event.id
        if final_state is not None:
            yield f'event: end\ndata: {{"state": "{final_state}"}}\n\n'
            return
        now_s = time.monotonic()
        if events:
            spoken_s = now_s
        elif now_s - spoken_s >= settings.event_heartbeat_s:
            yield ": still here\n\n"
            spoken_s = now_s
        if len(events) < PAGE:
            await asyncio.sleep(settings.event_poll_s)
