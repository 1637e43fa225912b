"""What endpoints are given: the database, the planner, the limits. One per app, made when it starts."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from service.curves.memory import CurveMemory
from service.planner import Planner
from service.settings import Settings
from store.sessions import Database


@dataclass(frozen=True, slots=True)
class Context:
    """The parts that outlive a request.

    Attributes:
        stopping: whether the server was told to stop; open event streams end then.
        rendering: held while a chart is drawn.
        streams: held by each open event stream.
    """

    settings: Settings
    database: Database
    planner: Planner
    stopping: Callable[[], bool]
    curves: CurveMemory = field(default_factory=CurveMemory)
    rendering: threading.Semaphore = field(init=False)
    streams: threading.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rendering", threading.Semaphore(self.settings.renders))
        object.__setattr__(self, "streams", threading.Semaphore(self.settings.event_streams))


async def _context(connection: HTTPConnection) -> Context:  # async: it costs no thread
    context: Context = connection.app.state.context
    return context


Here = Annotated[Context, Depends(_context)]
