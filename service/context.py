"""What endpoints are given: the database, the planner, the limits. One per app, made when it starts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Self

from fastapi import Depends
from starlette.requests import HTTPConnection

from service.access.viewer import LOCAL, Viewer
from service.analyses.memory import AnswerMemory
from service.curves.memory import CurveMemory
from service.jobs.conditions import ConditionMemory
from service.jobs.memory import FactMemory, JobMemory, OutlineMemory
from service.metrics.meters import Meters
from service.places import Places, Seats
from service.plan_queue import PlanQueue
from service.planner import Planner
from service.rendering import Rendering
from service.settings import Settings
from store import overview
from store.sessions import Database


@dataclass(frozen=True, slots=True)
class Context:
    """The parts that outlive a request.

    Attributes:
        viewer: who asks; of the application's own, which no request has, nobody in particular.
        stopping: whether the server was told to stop; open event streams end then.
        plans: who waits for the planner.
        rendering: charts and reports.
        meters: what this process counts of itself.
        streams: held by each open event stream, in the viewer's name.
        exports: held by each file of rows that is being written, in the viewer's name.
        tables: held while all of a job's trials are read at once.
    """

    settings: Settings
    database: Database
    stopping: Callable[[], bool]
    viewer: Viewer
    plans: PlanQueue
    rendering: Rendering
    curves: CurveMemory
    analyses: AnswerMemory
    counts: JobMemory[dict[str, int]]
    facts: FactMemory
    outlines: OutlineMemory
    conditions: ConditionMemory
    meters: Meters
    streams: Seats
    exports: Seats
    tables: Seats
    _streams: Places
    _exports: Places
    _tables: Places

    def seen_by(self, viewer: Viewer) -> Self:
        """The same parts, in the name of who asks."""
        return replace(
            self,
            viewer=viewer,
            streams=self._streams.of(viewer),
            exports=self._exports.of(viewer),
            tables=self._tables.of(viewer),
        )


def made(
    settings: Settings, database: Database, planner: Planner, stopping: Callable[[], bool], meters: Meters
) -> Context:
    """The context of an application. To be called where its event loop runs."""
    streams, exports, tables = Places(settings.event_streams), Places(settings.exports), Places(settings.tables)
    return Context(
        settings=settings,
        database=database,
        stopping=stopping,
        viewer=LOCAL,
        plans=PlanQueue(planner, settings.plans_waiting, settings.plan_requests),
        rendering=Rendering(settings.renders, settings.renders_waiting),
        curves=CurveMemory(),
        analyses=AnswerMemory(),
        counts=JobMemory(overview.counts_of),
        facts=FactMemory(),
        outlines=OutlineMemory(),
        conditions=ConditionMemory(),
        meters=meters,
        streams=streams.of(LOCAL),
        exports=exports.of(LOCAL),
        tables=tables.of(LOCAL),
        _streams=streams,
        _exports=exports,
        _tables=tables,
    )


async def _context(connection: HTTPConnection) -> Context:  # async: it costs no thread
    context: Context = connection.app.state.context
    return context.seen_by(connection.state.viewer)


Here = Annotated[Context, Depends(_context)]
