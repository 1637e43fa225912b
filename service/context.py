"""What endpoints are given: the database, the planner, the limits. One per app, made when it starts."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from service.analyses.memory import AnswerMemory
from service.curves.memory import CurveMemory
from service.jobs.memory import FactMemory, JobMemory
from service.metrics.meters import Meters
from service.places import Places
from service.planner import Planner
from service.settings import Settings
from store import overview
from store.sessions import Database

REPORTS = 16  # that are kept, a few hundred kB each


@dataclass(frozen=True, slots=True)
class Context:
    """The parts that outlive a request.

    Attributes:
        stopping: whether the server was told to stop; open event streams end then.
        rendering: held while a chart is drawn.
        meters: what this process counts of itself.
        streams: held by each open event stream.
        exports: held by each file of rows that is being written.
    """

    settings: Settings
    database: Database
    planner: Planner
    stopping: Callable[[], bool]
    curves: CurveMemory = field(default_factory=CurveMemory)
    analyses: AnswerMemory = field(default_factory=AnswerMemory)
    reports: AnswerMemory = field(default_factory=lambda: AnswerMemory(kept=REPORTS))
    counts: JobMemory[dict[str, int]] = field(default_factory=lambda: JobMemory(overview.counts_of))
    facts: FactMemory = field(default_factory=FactMemory)
    rendering: threading.Semaphore = field(init=False)
    meters: Meters = field(default_factory=Meters)
    streams: Places = field(init=False)
    exports: Places = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rendering", threading.Semaphore(self.settings.renders))
        object.__setattr__(self, "streams", Places(self.settings.event_streams))
        object.__setattr__(self, "exports", Places(self.settings.exports))


async def _context(connection: HTTPConnection) -> Context:  # async: it costs no thread
    context: Context = connection.app.state.context
    return context


Here = Annotated[Context, Depends(_context)]
