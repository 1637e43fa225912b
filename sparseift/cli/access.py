"""What `sparseift serve` tells the service about who may ask, and what it leaves to the programs themselves."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import typer

from sparseift.cli.failures import UsageProblem

RequireTokens = Annotated[
    bool, typer.Option("--require-tokens", help="Answer only who sends a token; `sparseift tokens create` makes one.")
]
CorsOrigins = Annotated[
    list[str] | None, typer.Option("--cors-origin", metavar="ORIGIN", help="Pages that may ask (repeatable).")
]
RequestsPerS = Annotated[float | None, typer.Option("--requests-per-s", help="Of one token (default: 20).")]
RequestBurst = Annotated[int | None, typer.Option("--request-burst", help="Of one token, at once (default: 200).")]
AuditDays = Annotated[float | None, typer.Option("--audit-days", help="The audit log is kept (default: 365).")]


def _elsewhere(option: str) -> typer.models.OptionInfo:
    found: typer.models.OptionInfo = typer.Option(option, hidden=True)
    return found


# Of `python -m service`; known here so that who tries one learns the command that takes it.
Host = Annotated[str | None, _elsewhere("--host")]
TlsCert = Annotated[str | None, _elsewhere("--tls-cert")]
TlsKey = Annotated[str | None, _elsewhere("--tls-key")]
BehindTlsProxy = Annotated[bool, _elsewhere("--behind-tls-proxy")]
ProxyAddresses = Annotated[list[str] | None, _elsewhere("--proxy-address")]
TrustedHosts = Annotated[list[str] | None, _elsewhere("--trusted-host")]


@dataclass(frozen=True, slots=True)
class Access:
    """Options of the service; what is not given keeps the service's own default."""

    require_tokens: bool = False
    cors_origins: tuple[str, ...] = ()
    requests_per_s: float | None = None
    request_burst: int | None = None
    audit_days: float | None = None

    def arguments(self) -> list[str]:
        """On the service's command line."""
        given = ["--require-tokens"] if self.require_tokens else []
        for origin in self.cors_origins:
            given += ["--cors-origin", origin]
        values = {
            "--requests-per-s": self.requests_per_s,
            "--request-burst": self.request_burst,
            "--audit-days": self.audit_days,
        }
        for option, value in values.items():
            if value is not None:
                given += [option, f"{value:.15g}"]
        return given


def refuse_beyond_loopback(given: Mapping[str, str | bool | list[str] | None], kept: list[str]) -> None:
    """Stop where options ask for more than loopback.

    Args:
        given: by option. kept: the service's other arguments.

    Raises:
        UsageProblem: with the command that takes them.
    """
    asked: list[str] = []
    for option, value in given.items():
        if value is True:
            asked.append(option)
        elif isinstance(value, str):
            asked += [option, value]
        elif isinstance(value, list):
            for one in value:
                asked += [option, one]
    if asked:
        line = shlex.join(["python", "-m", "service", "--database", "URL", *asked, *kept])
        raise UsageProblem(
            f"`serve` listens on loopback only, so it takes no {asked[0]}; start the programs one by one instead, the "
            f"service by: {line}"
        )
