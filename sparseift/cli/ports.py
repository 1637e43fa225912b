"""Loopback ports: taken, free, answering."""

import socket
from contextlib import closing

from sparseift.cli.failures import UsageProblem

HOST = "127.0.0.1"  # the programs listen nowhere else
LAST = 65_535


def require_free(port: int, what: str) -> None:
    """Refuses what is no port, and a port that something listens on already.

    Raises:
        UsageProblem: with the options that choose another.
    """
    if not 1 <= port <= LAST:
        raise UsageProblem(f"Port {port} ({what}) is none; it must lie in [1, {LAST}].")
    with closing(socket.socket()) as probe:
        # As the servers do: a port whose last connections are still in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UsageProblem(
                f"Port {port} ({what}) cannot be used: {error.strerror}; is another `sparseift serve` running? "
                "Choose other ports with --port and --notebooks-port."
            ) from error


def free_port() -> int:
    """A port that nothing listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with closing(socket.socket()) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0
