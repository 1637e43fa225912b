"""The application: routes, guards and what lives as long as it does."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute

from service import failures
from service.catalogs import endpoints as catalogs
from service.context import Context
from service.curves import endpoints as curves
from service.document import DESCRIPTION, document
from service.events import endpoints as events
from service.guards import Guards
from service.health import endpoints as health
from service.jobs import endpoints as jobs
from service.jobs import verbs
from service.planner import ChildPlanner, Planner
from service.reaping import Reaping
from service.request_log import RequestLog
from service.settings import Settings
from service.trials import endpoints as trials
from store import migrate
from store.sessions import Database


def create_app(
    settings: Settings, planner: Planner | None = None, stopping: Callable[[], bool] = lambda: False
) -> FastAPI:
    """The application; nothing is opened before it starts.

    Args:
        planner: plans jobs; by default a child process that lives as long as the application.
        stopping: whether the server was told to stop; open event streams end then.

    Raises:
        WrongRevision: on start, with the command that puts the database right.
    """
    app = FastAPI(
        title="sparseift",
        version=version("sparseift"),
        description=DESCRIPTION,
        docs_url=None,  # its pages load scripts from elsewhere; the document itself is at /openapi.json
        redoc_url=None,
        generate_unique_id_function=operation_id,
        lifespan=_lifespan(settings, planner, stopping),
    )
    for noun in (jobs, verbs, trials, curves, events, catalogs, health):
        app.include_router(noun.router)
    failures.register(app)
    app.add_middleware(Guards, body_bytes=settings.body_bytes)
    app.add_middleware(RequestLog)  # added last: the outermost
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # as FastAPI documents it
    return app


def operation_id(route: APIRoute) -> str:
    """An endpoint's name is its operation's: clients are generated from these."""
    return route.name


def _lifespan(
    settings: Settings, planner: Planner | None, stopping: Callable[[], bool]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = Database(settings.database_url)
        try:
            await run_in_threadpool(migrate.check_revision, database)
            ours = planner or _child(settings)
            reaping = Reaping(settings, database)
            app.state.context = Context(settings, database, ours, stopping)
            reaping.start()
            threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
            try:
                yield
            finally:
                await run_in_threadpool(ours.close)
                await run_in_threadpool(reaping.stop)
        finally:
            database.close()

    return lifespan


def _child(settings: Settings) -> ChildPlanner:
    child = ChildPlanner(settings.plan_timeout_s, settings.plans_waiting, settings.plans_cached)
    child.warm_up()
    return child


def _warm_up() -> None:
    """Loads what the first curve needs: a second of scipy, for which neither the start nor a request waits."""
    import_module("analysis.curve")
