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
        plan_requests: submissions and dry runs that may wait for a plan at once, equal ones too; more are answered 503.
            Of these, as of every number of places here, one token may have a quarter and one project half.
        plans_cached: solved plans that are remembered.
        event_poll_s: pause between two looks for new events, per open stream.
        event_heartbeat_s: an idle stream sends a comment this often, so that proxies and clients see it alive.
        event_streams: event streams that may be open at once; more are answered 503.
        exports: files of all of a job's rows that may be written at once; more are answered 503.
        tables: jobs whose trials may be read whole at once, as pages do when they open; more are answered 503.
        export_s: after so long an export is broken off: a reader that is slower must not keep its place.
        renders: charts and reports that may be drawn at once; the others wait.
        renders_waiting: of those, more than so many are answered 503.
        body_bytes: the largest request body.
        require_tokens: whether every request but those to /healthz and /readyz needs a live bearer token.
        behind_tls_proxy: whether a proxy ends TLS before this service, so that what comes in the clear is refused.
        trusted_hosts: names that a Host header may carry beside loopback's.
        cors_origins: origins whose pages may read answers, such as `https://lab.example`; by default none.
        requests_per_s, request_burst: what one token may ask, in this process.
        recheck_s: an answer that goes on for longer looks again, this often, whether its token is live.
        audit_days: how long a row of the audit log is kept.
    """

    database_url: str
    artifacts: Path | None = None
    lease_ttl_s: float = 60.0
    reap_every_s: float = 5.0
    plan_timeout_s: float = 300.0
    plans_waiting: int = 16
    plan_requests: int = 128
    plans_cached: int = 256
    event_poll_s: float = 0.5
    event_heartbeat_s: float = 15.0
    event_streams: int = 64
    exports: int = 4
    tables: int = 8
    export_s: float = 600.0
    renders: int = 1
    renders_waiting: int = 32
    body_bytes: int = 262_144
    require_tokens: bool = False
    behind_tls_proxy: bool = False
    trusted_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    requests_per_s: float = 20.0
    request_burst: int = 200
    recheck_s: float = 30.0
    audit_days: float = 365.0
