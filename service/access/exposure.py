"""Where a service may listen: on loopback freely; elsewhere only with tokens, over TLS, under names it was told."""

import ipaddress
import re
import ssl
from collections.abc import Sequence
from pathlib import Path

from service.settings import Settings
from sparseift.errors import InvalidValue

HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?", re.ASCII)  # a name or an address, no port
ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:]+\](:\d{1,5})?", re.ASCII)
TUNNEL = "use 127.0.0.1 and reach it from elsewhere through an SSH tunnel"


def check(host: str, settings: Settings, *, has_tls: bool, proxies: Sequence[str] = ()) -> None:
    """Hold what was asked for against the rule.

    Args:
        host: the address to listen on.
        has_tls: whether the service itself speaks TLS.
        proxies: addresses and networks whose `X-Forwarded-*` headers are believed.

    Raises:
        InvalidValue: with what is missing.
    """
    for name in settings.trusted_hosts:
        if HOST.fullmatch(name) is None:
            raise InvalidValue(f"--trusted-host is {name!a}; it must be a name such as search.example.org, no port.")
    for origin in settings.cors_origins:
        if ORIGIN.fullmatch(origin) is None:
            raise InvalidValue(f"--cors-origin is {origin!a}; it must be an origin such as https://lab.example.org.")
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError:
            raise InvalidValue(f"--proxy-address is {proxy!a}; it must be an address or a network.") from None
    if proxies and not settings.behind_tls_proxy:
        raise InvalidValue("--proxy-address is for --behind-tls-proxy, which is missing.")
    if settings.behind_tls_proxy and has_tls:
        raise InvalidValue(
            "--behind-tls-proxy and --tls-cert are both given; TLS ends at the proxy or here, not twice."
        )
    if not settings.require_tokens:
        _without_tokens(host, settings)
    elif not is_loopback(host):
        if not has_tls and not settings.behind_tls_proxy:
            raise InvalidValue(
                f"Tokens may not cross a network in the clear: for {host} give --tls-cert and --tls-key, or "
                f"--behind-tls-proxy where a proxy ends TLS; or {TUNNEL}."
            )
        if not settings.trusted_hosts:
            raise InvalidValue(f"For {host} say with --trusted-host under which name it is reached (repeatable).")


def _without_tokens(host: str, settings: Settings) -> None:
    if settings.behind_tls_proxy or settings.trusted_hosts or settings.cors_origins:
        raise InvalidValue(
            "--behind-tls-proxy, --trusted-host and --cors-origin let others than this machine's users ask, so they "
            "need --require-tokens."
        )
    if not is_loopback(host):
        raise InvalidValue(
            f"Without --require-tokens the service listens on loopback only: {host or 'every address'} is refused; "
            f"{TUNNEL}, or see docs/how-to/secure-a-service.md."
        )


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is this machine's alone; of names only `localhost` is."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_tls(certificate: Path | None, key: Path | None) -> bool:
    """Whether the service itself speaks TLS; the files are read and fit each other.

    Raises:
        InvalidValue: one without the other, or files that cannot be used.
    """
    if certificate is None and key is None:
        return False
    if certificate is None or key is None:
        raise InvalidValue("--tls-cert and --tls-key belong together; one of them is missing.")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError) as error:
        cause = getattr(error, "strerror", None) or getattr(error, "reason", None) or type(error).__name__
        raise InvalidValue(f"--tls-cert {certificate} with --tls-key {key} cannot be used: {cause}.") from error
    return True
