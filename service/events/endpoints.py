"""/v1/jobs/{job}/events: what happened to a job, as pages or as a stream."""

from collections.abc import AsyncIterator
from threading import Semaphore
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from service import negotiation, pages, problems
from service.context import Context, Here
from service.events.schemas import EventPage, EventView
from service.events.stream import messages
from service.examples import EVENT
from service.identifiers import JobId
from service.jobs.progress import TERMINAL
from service.times import utc
from store import events, jobs

router = APIRouter(prefix="/v1/jobs/{job}/events", tags=["events"])

STREAM = "text/event-stream"
EventId = Annotated[int, Query(ge=0, lt=2**63, description="Id of the last event already seen; 0: from the first.")]
LastEventId = Annotated[
    str | None, Header(pattern=r"^\d{1,18}$", description="Of a stream that was cut off: goes before `after`.")
]


class Held(StreamingResponse):
    """A stream that gives its place back however it ends: a background task would not run for a client that left."""

    def __init__(self, text: AsyncIterator[str], places: Semaphore, media_type: str = STREAM) -> None:
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
                "application/json": {"example": {"items": [EVENT], "last_id": EVENT["id"]}},
            },
        },
        204: {"description": "To a stream that reconnects: the job has ended and everything was sent."},
    },
)
def list_events(
    here: Here,
    request: Request,
    job: JobId,
    after: EventId = 0,
    limit: pages.Limit = 100,
    last_event_id: LastEventId = None,
) -> EventPage | Response:
    """The log is replayable: the events after an id are always the same."""
    wanted = negotiation.choose(request.headers.get("accept"), ("application/json", STREAM))
    if wanted == STREAM:
        return stream(here, job, int(last_event_id) if last_event_id else after, reconnects=last_event_id is not None)
    found, _ = look(here, job, after, limit)
    return EventPage(items=found, last_id=found[-1].id if found else after)


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
    if not here.streams.acquire(blocking=False):
        raise problems.Refused(
            "too-many-streams",
            f"{here.settings.event_streams} event streams are open already; ask for pages instead, or try again.",
        )
    text = messages(lambda after, limit: look(here, job_id, after, limit), after, here.settings, here.stopping)
    return Held(text, here.streams)
