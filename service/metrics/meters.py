"""What this process counts of itself: requests, how long they took, and what its reaper found."""

import time

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
ELSEWHERE = "other"  # the route of an address that is none: what a request names never becomes a label
# of series that tell when each other one began, this text format makes nothing
disable_created_metrics()  # type: ignore[no-untyped-call]
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Meters:
    """The counters of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "sparseift_http_requests",
            "Requests by route template and status; 0: no answer was begun.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "sparseift_http_response_start_seconds",
            "Time until the answer began, by route template: a stream goes on after that.",
            ("method", "route"),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.reaped = Counter(
            "sparseift_reaped_leases",
            "Leases of jobs and attempts that ran out and were taken back by this process.",
            registry=self.registry,
        )


class Metering:
    """Pure ASGI, around what turns an unexpected error into a 500: that counts too."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app, self._meters = app, meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, took_s, status = time.perf_counter(), 0.0, 0

        async def noting(message: Message) -> None:
            nonlocal status, took_s
            if message["type"] == "http.response.start":
                status, took_s = message["status"], time.perf_counter() - began
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            method = scope["method"] if scope["method"] in METHODS else ELSEWHERE
            route = getattr(scope.get("route"), "path_format", ELSEWHERE)
            self._meters.requests.labels(method, route, str(status)).inc()
            if status:
                self._meters.seconds.labels(method, route).observe(took_s)
