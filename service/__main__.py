"""`python -m service --database URL`: serve the API on loopback until told to stop.

Exit codes: 0 stopped; 2 wrong arguments, or an address that cannot be had; 3 a database that cannot be used.
"""

import argparse
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn

from service import logs
from service.app import create_app
from service.settings import Settings
from sparseift.errors import InvalidValue
from store import migrate
from store.errors import Unavailable, WrongRevision
from store.sessions import Database

BACKLOG = 128  # connections that may wait to be accepted
LEASE_TTL_S = (1.0, 86_400.0)  # inclusive; the low end is the workers' too
REAP_EVERY_S = (0.1, 3_600.0)  # inclusive
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
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
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
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    return parser.parse_args(given)


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens already, so that no other server can take the address between a check and its use.

    Raises:
        CannotStart: not a loopback address, or an address that cannot be had.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise CannotStart(
            2,
            f"This version asks for no token, so it listens on loopback only: {host} is refused; use 127.0.0.1 "
            "and reach it from elsewhere through an SSH tunnel.",
        )
    if not 0 <= port <= 65535:
        raise CannotStart(2, f"The port is {port}; it must lie in [0, 65535].")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
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


def check_seconds(option: str, value: float, low: float, high: float) -> None:
    """Hold an option against its inclusive range.

    Raises:
        CannotStart: outside it, or not a number.
    """
    if not low <= value <= high:
        raise CannotStart(2, f"{option} is {value:g}; it must lie in [{low:g}, {high:g}] (seconds).")


def check_database(url: str) -> None:
    """Look at the database before anything is served.

    Raises:
        CannotStart: with the command that puts it right, where there is one.
    """
    try:
        database = Database(url)
    except InvalidValue as error:
        raise CannotStart(2, str(error)) from None
    try:
        migrate.check_revision(database)
    except (WrongRevision, Unavailable) as error:
        raise CannotStart(3, str(error)) from None
    finally:
        database.close()


def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        CannotStart: before anything was served.
    """
    check_seconds("--lease-ttl-s", options.lease_ttl_s, *LEASE_TTL_S)
    check_seconds("--reap-every-s", options.reap_every_s, *REAP_EVERY_S)
    settings = Settings(
        database_url=options.database,
        artifacts=options.artifacts,
        lease_ttl_s=options.lease_ttl_s,
        reap_every_s=options.reap_every_s,
    )
    check_database(settings.database_url)
    server_socket = listening(options.host, options.port)
    host, port = server_socket.getsockname()[:2]
    logs.configure(options.log_level)
    server: uvicorn.Server
    app = create_app(settings, stopping=lambda: server.should_exit)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,  # `request_log` writes one line per request
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    )
    shown = f"[{host}]" if ":" in host else host
    # uvicorn takes the signals over while it serves, and raises them again once it has ended in good order.
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    logs.tell(f"Serving on http://{shown}:{port} (Ctrl-C or SIGTERM ends it).")
    try:
        server.run(sockets=[server_socket])
    finally:  # uvicorn raises the signal again, so that `_leave` ends the call
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
