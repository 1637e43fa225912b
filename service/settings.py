"""What the service is told when it starts. Typed arguments only: `service.__main__` alone reads the environment."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the database is, and how patient the service is.

    Attributes:
        database_url: `sqlite:///…` or `postgresql+psycopg://…`.
        artifacts: the workers' artifact folder, where attempts' output is read; None: it is not shown.
        lease_ttl_s: what workers lease for; nothing is reaped for one TTL after a start or a database error, so that
            the living can renew what only an outage let lapse.
        reap_every_s: pause between two looks for expired leases.
        plan_timeout_s: the longest that solving a job's plan may take.
        plans_waiting: different plans that may wait for the planner at once; more are answered 503.
        plans_cached: solved plans that are remembered.
        event_poll_s: pause between two looks for new events, per open stream.
        event_heartbeat_s: an idle stream sends a comment this often, so that proxies and clients see it alive.
        event_streams: event streams that may be open at once; more are answered 503.
        renders: charts that may be drawn at once; the others wait.
        body_bytes: the largest request body.
    """

    database_url: str
    artifacts: Path | None = None
    lease_ttl_s: float = 60.0
    reap_every_s: float = 5.0
    plan_timeout_s: float = 300.0
    plans_waiting: int = 16
    plans_cached: int = 256
    event_poll_s: float = 0.5
    event_heartbeat_s: float = 15.0
    event_streams: int = 64
    renders: int = 1
    body_bytes: int = 262_144
