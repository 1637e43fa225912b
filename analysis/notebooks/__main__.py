"""`python -m analysis.notebooks`: serve the notebooks, reading a service over HTTP.

On loopback they are as open as the service: where it wants tokens, viewers sign in with theirs. On any other address
viewers always sign in, and only through a proxy that ends TLS.
"""

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from ipaddress import ip_address

import uvicorn

from analysis.notebooks.api import DEFAULT_URL, VARIABLE

REFUSED = 2  # exit code of a command line that cannot be served
GRACE_S = 3  # given to open pages when the server ends


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; 2 and one sentence where it cannot."""
    options = _parser().parse_args(arguments)
    if not _is_loopback(options.host) and not (options.behind_tls_proxy and options.trusted_host):
        return _refuse(
            f"--host is {options.host}; beyond loopback (127.0.0.1) notebooks listen only with --behind-tls-proxy and "
            "--trusted-host NAME, so that no token crosses the network in the clear."
        )
    if not options.api.startswith(("http://", "https://")):
        return _refuse(f"--api is {options.api}; it must be an address such as {DEFAULT_URL}.")
    try:
        listener = _listen(options.host, options.port)
    except OSError as error:
        return _refuse(
            f"Port {options.port} on {options.host} cannot be used ({error.strerror}); choose another --port."
        )
    os.environ[VARIABLE] = options.api  # where the notebooks' kernels, threads of this process, read it
    from analysis.notebooks import warm
    from analysis.notebooks.server import build  # marimo: a second, for which no refusal should wait

    config = uvicorn.Config(
        build(
            (options.host, *options.trusted_host),
            api=options.api,
            login=not _is_loopback(options.host),
            tls_only=options.behind_tls_proxy,
        ),
        log_level="warning",
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
        proxy_headers=options.behind_tls_proxy,  # else anybody could name another address and scheme
        forwarded_allow_ips=options.proxy_address or ["127.0.0.1"],
    )
    warm.start()
    with listener:
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m analysis.notebooks",
        description="Serve the notebooks.",
        epilog=f"Example: python -m analysis.notebooks --api {DEFAULT_URL} --port 8001",
    )
    parser.add_argument("--api", default=os.environ.get(VARIABLE, DEFAULT_URL), help="address of the service")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8001, choices=range(1, 65536), metavar="PORT")
    parser.add_argument("--behind-tls-proxy", action="store_true", help="a proxy ends TLS and says so in X-Forwarded-*")
    parser.add_argument(
        "--proxy-address", action="append", default=[], metavar="IP", help="of that proxy (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--trusted-host", action="append", default=[], metavar="NAME", help="a name that viewers' browsers ask for"
    )
    return parser


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # named TCP, so that asyncio turns Nagle off: else each small answer waits 40 ms for an acknowledgement
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(socket.SOMAXCONN)
    except OSError:
        listener.close()
        raise
    return listener


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201 (what a command has to say)
    return REFUSED


if __name__ == "__main__":
    sys.exit(main())
