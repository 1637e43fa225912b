"""`sparseift serve` passes on what the service takes, and names the command for what it does not."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from service.__main__ import arguments
from sparseift.cli.access import Access, refuse_beyond_loopback
from sparseift.cli.failures import UsageProblem
from sparseift.cli.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


def test_the_service_reads_what_it_is_told() -> None:
    told = Access(True, ("https://a.example", "https://b.example"), 0.1, 7, 30.5)
    options = arguments(["--database", "sqlite:///x", *told.arguments()], {})
    assert options.require_tokens
    assert options.cors_origin == ["https://a.example", "https://b.example"]
    assert (options.requests_per_s, options.request_burst, options.audit_days) == (0.1, 7, 30.5)


def test_what_is_not_given_is_the_services_own_default() -> None:
    assert Access().arguments() == []


def test_what_leads_beyond_loopback_is_refused_with_the_command() -> None:
    given = {"--host": "0.0.0.0", "--tls-cert": None, "--behind-tls-proxy": True, "--trusted-host": ["a b", "c"]}
    with pytest.raises(UsageProblem, match="takes no --host") as refusal:
        refuse_beyond_loopback(given, Access(require_tokens=True).arguments())  # type: ignore[arg-type]
    line = str(refusal.value).partition("by: ")[2]
    words = shlex.split(line)
    assert words[:3] == ["python", "-m", "service"]
    options = arguments(words[3:], {})
    assert (options.host, options.behind_tls_proxy, options.trusted_host) == ("0.0.0.0", True, ["a b", "c"])
    assert options.require_tokens
    refuse_beyond_loopback({"--host": None, "--behind-tls-proxy": False, "--trusted-host": None}, [])


def free_ports() -> list[str]:
    return ["--port", str(free_port()), "--notebooks-port", str(free_port())]


@pytest.mark.slow
def test_serve_tells_how_to_make_the_first_token(tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).parent / "sparseift"),
        "serve",
        "--data",
        str(tmp_path / "data"),
        "--slots",
        "0",
    ]
    ended = subprocess.run(
        [*command, *free_ports(), "--require-tokens"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert ended.returncode == 1, ended.stderr
    assert "sparseift tokens create NAME --scope admin --database" in " ".join(ended.stderr.split())
