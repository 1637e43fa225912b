"""/v1/jobs/{job}/events: what happened to a job, as pages or as a stream."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from service import negotiation, pages, problems
from service.context import Context, Here
from service.events.schemas import EventPage, EventView
from service.events.stream import messages
from service.examples import EVENT
from service.identifiers import JobId
from service.jobs.progress import TERMINAL
from service.places import Seats
from service.times import utc
from store import events, jobs
from store.errors import NotFound

router = APIRouter(prefix="/v1/jobs/{job}/events", tags=["events"])

STREAM = "text/event-stream"
EventId = Annotated[int, Query(ge=0, lt=2**63, description="Id of the last event already seen; 0: from the first.")]
WaitS = Annotated[
    float,
    Query(ge=0.0, le=60.0, allow_inf_nan=False, description="Seconds to wait for an event where there is none yet."),
]
LastEventId = Annotated[
    str | None, Header(pattern=r"^\d{1,18}$", description="Of a stream that was cut off: goes before `after`.")
]


class Held(StreamingResponse):
    """A stream that gives its place back however it ends: a background task would not run for a client that left."""

    def __init__(self, text: AsyncIterator[str], places: Seats, media_type: str = STREAM) -> None:
        super().__init__(text, media_type=media_type)
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.release()


@router.get(
    "",
    response_model=EventPage,
    summary="A job's events: a page, or a live stream",
    responses={
        **problems.documented("not-found", "invalid-request", "not-acceptable", "too-many-streams"),
        200: {
            "description": "A page; with `Accept: text/event-stream` a stream that ends with the event `end`.",
            "content": {
                STREAM: {"schema": {"type": "string"}},
                "application/json": {"example": {"items": [EVENT], "last_id": EVENT["id"], "ended": False}},
            },
        },
        204: {"description": "To a stream that reconnects: the job has ended and everything was sent."},
    },
)
async def list_events(
    here: Here,
    request: Request,
    job: JobId,
    after: EventId = 0,
    limit: pages.Limit = 100,
    wait_s: WaitS = 0.0,
    last_event_id: LastEventId = None,
) -> EventPage | Response:
    """The log is replayable: the events after an id are always the same. `wait_s` is a long poll, for clients that
    cannot read a stream: the answer comes as soon as there is an event, and empty if there is none in that time.
    """
    wanted = negotiation.choose(request.headers.get("accept"), ("application/json", STREAM))
    if wanted == STREAM:
        seen = int(last_event_id) if last_event_id else after
        return await run_in_threadpool(stream, here, job, seen, reconnects=last_event_id is not None)
    found, final_state = await run_in_threadpool(look, here, job, after, limit)
    if not found and final_state is None and wait_s > 0.0:
        found, final_state = await later(here, request, job, after, limit, wait_s)
    return EventPage(items=found, last_id=found[-1].id if found else after, ended=final_state is not None)


async def later(
    here: Context, request: Request, job_id: str, after: int, limit: int, wait_s: float
) -> tuple[list[EventView], str | None]:
    """As `look`, once there is something to see, or after `wait_s` seconds. Between looks it holds neither a thread
    nor a connection of the database, only one of the streams' places.
    """
    take_place(here)
    try:
        until_s = time.monotonic() + wait_s
        found: list[EventView] = []
        final_state = None
        while not found and final_state is None and not here.stopping():
            left_s = until_s - time.monotonic()
            if left_s <= 0.0 or await request.is_disconnected():
                break
            await asyncio.sleep(min(here.settings.event_poll_s, left_s))
            found, final_state = await run_in_threadpool(look, here, job_id, after, limit)
        return found, final_state
    finally:
        here.streams.release()


def take_place(here: Context) -> None:
    """Take one of the places of those who wait.

    Raises:
        Refused: there is none left.
    """
    if not here.streams.acquire():
        raise problems.Refused(
            "too-many-streams",
            "As many streams as may be are open already, or your share of them; ask for pages instead, or try again.",
        )


def look(here: Context, job_id: str, after: int, limit: int) -> tuple[list[EventView], str | None]:
    """The next events, and the job's final state where they are the last ever."""
    with here.database.read() as session:
        job = jobs.get(session, job_id)
        found = [
            EventView(id=e.id, at=utc(e.at_s), kind=e.kind, payload=e.payload)
            for e in events.after(session, job_id, after, limit)
        ]
    is_over = job.state in TERMINAL and len(found) < limit
    return found, job.state if is_over else None


def stream(here: Context, job_id: str, after: int, *, reconnects: bool) -> Response:
    """The live stream; 204 tells a browser that reconnects to an ended one to stop asking."""
    found, final_state = look(here, job_id, after, 1)
    if reconnects and final_state is not None and not found:
        return Response(status_code=204)
    take_place(here)

    def look_again(after: int, limit: int) -> tuple[list[EventView], str | None]:
        try:
            return look(here, job_id, after, limit)
        except NotFound:
            return [], "deleted"  # since the stream began

    return Held(messages(look_again, after, here.settings, here.stopping), here.streams)
