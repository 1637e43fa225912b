"""`python -m service --database URL`: serve the API until told to stop; on loopback, unless tokens are required.

Exit codes: 0 stopped; 2 wrong arguments, or an address that cannot be had; 3 a database that cannot be used.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # until all is loaded: a quarter of a start goes into looking for garbage among what stays

import argparse
import ipaddress
import os
import shlex
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn

from service import logs, telemetry
from service.access import exposure
from service.app import create_app
from service.settings import Settings
from sparseift.errors import InvalidValue
from store import migrate, tokens, urls
from store.errors import Unavailable, WrongRevision
from store.sessions import Database

BACKLOG = 128  # connections that may wait to be accepted
LEASE_TTL_S = (1.0, 86_400.0)  # inclusive; the low end is the workers' too
REAP_EVERY_S = (0.1, 3_600.0)  # inclusive
REQUESTS_PER_S, REQUEST_BURST, AUDIT_DAYS = (0.01, 1e6), (1, 1_000_000), (1.0, 36_500.0)  # inclusive
SHUTDOWN_S = 5  # what open requests are given to end


class CannotStart(Exception):
    """Why the service does not start, in one sentence, and the exit code that says so."""

    def __init__(self, code: int, sentence: str) -> None:
        self.code = code
        super().__init__(sentence)


def arguments(given: Sequence[str], environment: Mapping[str, str]) -> argparse.Namespace:
    """The command line; the database's URL may come from the environment, where other users do not see it."""
    defaults = Settings(database_url="")
    parser = argparse.ArgumentParser(prog="python -m service", description="The HTTP API of sparseift.")
    url = environment.get("SPARSEIFT_DATABASE")
    parser.add_argument(
        "--database",
        metavar="URL",
        default=url,
        required=url is None,
        help="sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME (or in SPARSEIFT_DATABASE)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="an address of this machine (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0: any free one (default: %(default)s)")
    parser.add_argument(
        "--artifacts", type=Path, metavar="DIR", help="the workers' folder, to read attempts' output (default: none)"
    )
    parser.add_argument(
        "--lease-ttl-s", type=float, default=defaults.lease_ttl_s, help="the workers' (default: %(default)s)"
    )
    parser.add_argument(
        "--reap-every-s",
        type=float,
        default=defaults.reap_every_s,
        help="look for lapsed leases (default: %(default)s)",
    )
    _access_arguments(parser, defaults)
    parser.add_argument(
        "--telemetry", action="store_true", help="send a span per request by OpenTelemetry, as OTEL_* variables say"
    )
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    return parser.parse_args(given)


def _access_arguments(parser: argparse.ArgumentParser, defaults: Settings) -> None:
    access = parser.add_argument_group("access", "Beyond loopback: --require-tokens, TLS, and the service's names.")
    access.add_argument("--require-tokens", action="store_true", help="answer only who sends a bearer token")
    access.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain in PEM, to speak TLS itself")
    access.add_argument("--tls-key", type=Path, metavar="FILE", help="its key in PEM, without a passphrase")
    access.add_argument("--behind-tls-proxy", action="store_true", help="a proxy ends TLS and says so in X-Forwarded-*")
    access.add_argument(
        "--proxy-address",
        action="append",
        metavar="IP",
        default=[],
        help="address or network whose X-Forwarded-* is believed (repeatable; default: 127.0.0.1)",
    )
    access.add_argument(
        "--trusted-host", action="append", metavar="NAME", default=[], help="a name it is reached under (repeatable)"
    )
    access.add_argument(
        "--cors-origin", action="append", metavar="ORIGIN", default=[], help="pages that may ask (repeatable)"
    )
    access.add_argument(
        "--requests-per-s", type=float, default=defaults.requests_per_s, help="of one token (default: %(default)s)"
    )
    access.add_argument(
        "--request-burst", type=int, default=defaults.request_burst, help="at once (default: %(default)s)"
    )
    access.add_argument(
        "--audit-days", type=float, default=defaults.audit_days, help="audit log is kept (default: %(default)s)"
    )


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens already, so that no other server can take the address between a check and its use.

    Raises:
        CannotStart: not an address, or one that cannot be had.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise CannotStart(2, f"--host is {host!a}; it must be an address of this machine, such as 0.0.0.0.") from None
    if not 0 <= port <= 65535:
        raise CannotStart(2, f"The port is {port}; it must lie in [0, 65535].")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # Named, TCP makes asyncio send at once; else a small answer's body waits 40 ms until its headers are acknowledged.
    server = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((address, port))
        server.listen(BACKLOG)
    except OSError as error:
        server.close()
        raise CannotStart(
            2, f"Cannot listen on {host}, port {port}: {error.strerror}; stop what runs there or choose another --port."
        ) from None
    return server


def check_range(option: str, value: float, low: float, high: float, unit: str = "seconds") -> None:
    """Hold an option against its inclusive range.

    Raises:
        CannotStart: outside it, or not a number.
    """
    if not low <= value <= high:
        raise CannotStart(2, f"{option} is {value:g}; it must lie in [{low:g}, {high:g}] ({unit}).")


def check_database(url: str, *, require_tokens: bool = False) -> None:
    """Look at the database before anything is served.

    Args:
        require_tokens: whether somebody must be able to make tokens.

    Raises:
        CannotStart: with the command that puts it right, where there is one.
    """
    try:
        database = Database(url)
    except InvalidValue as error:
        raise CannotStart(2, str(error)) from None
    try:
        migrate.check_revision(database)
        with database.read() as session:
            if require_tokens and not tokens.has_admin(session):
                raise CannotStart(
                    2,
                    "No live token of scope admin could make others; make the first one at the database: "
                    f"sparseift tokens create NAME --scope admin --database {shlex.quote(urls.masked(url))}",
                )
    except (WrongRevision, Unavailable) as error:
        raise CannotStart(3, str(error)) from None
    finally:
        database.close()


def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        CannotStart: before anything was served.
    """
    check_range("--lease-ttl-s", options.lease_ttl_s, *LEASE_TTL_S)
    check_range("--reap-every-s", options.reap_every_s, *REAP_EVERY_S)
    check_range("--requests-per-s", options.requests_per_s, *REQUESTS_PER_S, "requests a second")
    check_range("--request-burst", options.request_burst, *REQUEST_BURST, "requests")
    check_range("--audit-days", options.audit_days, *AUDIT_DAYS, "days")
    settings = Settings(
        database_url=options.database,
        artifacts=options.artifacts,
        lease_ttl_s=options.lease_ttl_s,
        reap_every_s=options.reap_every_s,
        require_tokens=options.require_tokens,
        behind_tls_proxy=options.behind_tls_proxy,
        trusted_hosts=tuple(options.trusted_host),
        cors_origins=tuple(options.cors_origin),
        requests_per_s=options.requests_per_s,
        request_burst=options.request_burst,
        audit_days=options.audit_days,
    )
    try:
        has_tls = exposure.check_tls(options.tls_cert, options.tls_key)
        exposure.check(options.host, settings, has_tls=has_tls, proxies=options.proxy_address)
        spans = telemetry.provider() if options.telemetry else None
    except InvalidValue as error:
        raise CannotStart(2, str(error)) from None
    check_database(settings.database_url, require_tokens=settings.require_tokens)
    server_socket = listening(options.host, options.port)
    host, port = server_socket.getsockname()[:2]
    logs.configure(options.log_level)
    server: uvicorn.Server
    app = create_app(settings, stopping=lambda: server.should_exit)
    if spans is not None:
        telemetry.instrument(app, spans)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,  # `request_log` writes one line per request
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
            ssl_certfile=options.tls_cert,
            ssl_keyfile=options.tls_key,
            proxy_headers=settings.behind_tls_proxy,  # else anybody could name another address and scheme
            forwarded_allow_ips=options.proxy_address or ["127.0.0.1"],
        )
    )
    shown = f"[{host}]" if ":" in host else host
    # uvicorn takes the signals over while it serves, and raises them again once it has ended in good order.
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    logs.tell(f"Serving on {'https' if has_tls else 'http'}://{shown}:{port} (Ctrl-C or SIGTERM ends it).")
    gc.freeze()  # what is there stays: no collection looks at it again
    gc.enable()
    try:
        server.run(sockets=[server_socket])
    finally:  # uvicorn raises the signal again, so that `_leave` ends the call
        if spans is not None:
            spans.shutdown()  # sends what is left
        logs.tell("Stopped.")


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def main(given: Sequence[str], environment: Mapping[str, str]) -> int:
    """The program; its exit code."""
    try:
        serve(arguments(given, environment))
    except CannotStart as refusal:
        sys.stderr.write(f"{refusal}\n")
        return refusal.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
