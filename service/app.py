"""The application: routes, guards and what lives as long as it does."""

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from importlib.metadata import version

from fastapi import Depends, FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware

from service import failures, parameters
from service.access import oversight, rights, tokens
from service.access.gate import Gate
from service.access.headers import SecurityHeaders
from service.analyses import endpoints as analyses
from service.artifacts import endpoints as artifacts
from service.catalogs import endpoints as catalogs
from service.context import made
from service.curves import endpoints as curves
from service.document import DESCRIPTION, document
from service.ending import Ending
from service.events import endpoints as events
from service.exports import endpoints as exports
from service.guards import Guards
from service.health import endpoints as health
from service.jobs import bulk, verbs
from service.jobs import endpoints as jobs
from service.meta import endpoints as meta
from service.metrics import endpoints as metrics
from service.metrics.meters import Metering, Meters
from service.planner import ChildPlanner, Planner
from service.reaping import Reaping
from service.reports import endpoints as reports
from service.request_log import RequestLog
from service.schemas import endpoints as schemas
from service.settings import Settings
from service.trials import columns
from service.trials import endpoints as trials
from service.workers import endpoints as workers
from store import migrate
from store.sessions import Database

WARM_UP_AFTER_S = 0.5
PLANS_END_S = 3.0  # after the word to stop; `service.__main__.SHUTDOWN_S` is what all requests have


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
    meters = Meters()
    app = FastAPI(
        title="sparseift",
        version=version("sparseift"),
        description=DESCRIPTION,
        docs_url=None,  # its pages load scripts from elsewhere; the document itself is at /openapi.json
        redoc_url=None,
        generate_unique_id_function=operation_id,
        dependencies=[Depends(rights.enforce), Depends(parameters.refuse_unknown)],
        lifespan=_lifespan(settings, planner, stopping, meters),
    )
    for noun in (
        jobs,
        bulk,
        verbs,
        exports,
        artifacts,
        columns,
        trials,
        curves,
        analyses,
        reports,
        meta,
        events,
        catalogs,
        schemas,
        workers,
        metrics,
        health,
        tokens,
        oversight,
    ):
        app.include_router(noun.router)
    failures.register(app)
    _wrap(app, settings, meters)
    tokens_required = settings.require_tokens
    app.openapi = lambda: document(app, tokens_required=tokens_required)  # type: ignore[method-assign]  # as documented
    return app


def _wrap(app: FastAPI, settings: Settings, meters: Meters) -> None:
    """The layers around the routes, the innermost first."""
    app.add_middleware(Gate, settings=settings)
    app.add_middleware(
        Guards, body_bytes=settings.body_bytes, hosts=settings.trusted_hosts, origins=settings.cors_origins
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=(
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-Match",
                "If-None-Match",
                "If-Range",
                "Last-Event-ID",
                "Range",
            ),
            expose_headers=("Content-Range", "ETag", "Location", "Retry-After", "X-Request-ID"),
        )
    app.add_middleware(RequestLog)
    app.add_middleware(Metering, meters=meters)
    app.add_middleware(SecurityHeaders)


def operation_id(route: APIRoute) -> str:
    """An endpoint's name is its operation's: clients are generated from these."""
    return route.name


def _lifespan(
    settings: Settings, planner: Planner | None, stopping: Callable[[], bool], meters: Meters
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = Database(settings.database_url)
        try:
            await run_in_threadpool(migrate.check_revision, database)
            ours = planner or _child(settings)
            reaping = Reaping(settings, database, meters.reaped.inc)
            app.state.context = made(settings, database, ours, stopping, meters)
            ending = Ending(stopping, PLANS_END_S, ours.close)
            reaping.start()
            ending.start()
            threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
            try:
                yield
            finally:
                await run_in_threadpool(ending.stop)
                await run_in_threadpool(ours.close)
                await run_in_threadpool(reaping.stop)
                await run_in_threadpool(app.state.context.curves.close)
        finally:
            database.close()

    return lifespan


def _child(settings: Settings) -> ChildPlanner:
    child = ChildPlanner(settings.plan_timeout_s, settings.plans_waiting, settings.plans_cached)
    child.warm_up()
    return child


def _warm_up() -> None:
    """Loads what the first curve needs: a second of scipy, for which neither the start nor a request waits."""
    time.sleep(WARM_UP_AFTER_S)  # it would take its share of the interpreter from the first answers
    import_module("analysis.curve")
