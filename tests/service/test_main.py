"""The program: its arguments, its refusals, and a real server."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from service.__main__ import CannotStart, arguments, listening, main

ROOT = Path(__file__).resolve().parents[2]
JOB = {
    "model": {"name": "mlp", "arguments": {"width": 64}},
    "dataset": {"name": "digits"},
    "families": ["sparse_wide"],
    "space": {"sparsities": [0.5]},
}


def run(*given: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", *given]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


@contextmanager
def served(url: str, *given: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A real server on a free port, and its address."""
    command = [sys.executable, "-m", "service", "--database", url, "--port", "0", *given]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            message = json.loads(line)["message"]
            if message.startswith("Serving on "):
                break
        else:
            pytest.fail("the server ended without serving")
        yield process, message.split()[2]
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_the_database_may_come_from_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    options = arguments([], {"SPARSEIFT_DATABASE": "sqlite:///a"})
    assert (options.database, options.host, options.port) == ("sqlite:///a", "127.0.0.1", 8000)
    assert arguments(["--database", "sqlite:///b"], {"SPARSEIFT_DATABASE": "sqlite:///a"}).database == "sqlite:///b"
    with pytest.raises(SystemExit) as refusal:
        arguments([], {})
    assert refusal.value.code == 2
    assert "--database" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["example.org", "", "localhost.evil.example"])
def test_only_addresses_are_listened_on(host: str) -> None:
    with pytest.raises(CannotStart, match="must be an address of this machine") as refusal:
        listening(host, 0)
    assert refusal.value.code == 2


@pytest.mark.parametrize("port", [-1, 65536])
def test_ports_have_a_range(port: int) -> None:
    with pytest.raises(CannotStart, match=r"must lie in \[0, 65535\]"):
        listening("127.0.0.1", port)


def test_a_port_in_use_is_refused_even_before_the_other_serves() -> None:
    with listening("localhost", 0) as first:
        assert first.proto == socket.IPPROTO_TCP, "else asyncio leaves Nagle's delay on, 40 ms of each small answer"
        port = first.getsockname()[1]
        with pytest.raises(CannotStart, match=f"port {port}: Address already in use") as refusal:
            listening("127.0.0.1", port)
    assert refusal.value.code == 2


def test_every_refusal_is_one_sentence_with_its_exit_code(
    edge_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        refusals = {
            ("--database", edge_url, "--port", port): (2, "Address already in use"),
            ("--database", edge_url, "--host", "0.0.0.0"): (2, "loopback only"),
            ("--database", edge_url, "--lease-ttl-s", "-5"): (2, "--lease-ttl-s is -5; it must lie in [1, 86400]"),
            ("--database", edge_url, "--lease-ttl-s", "nan"): (2, "--lease-ttl-s is nan"),
            ("--database", edge_url, "--reap-every-s", "-1"): (2, "--reap-every-s is -1; it must lie in [0.1, 3600]"),
            ("--database", edge_url, "--reap-every-s", "inf"): (2, "--reap-every-s is inf"),
            ("--database", "mysql://x/y"): (2, "no support for databases of 'mysql'"),
            ("--database", f"sqlite:///{tmp_path}/new.db"): (3, "run: sparseift db upgrade --database"),
            ("--database", f"sqlite:///{tmp_path}"): (3, "cannot be opened"),
            ("--database", "postgresql://u:secret@127.0.0.1:1/x"): (3, "***"),
        }
        for given, (code, words) in refusals.items():
            assert main(given, {}) == code
            out, err = capsys.readouterr()
            assert words in err
            assert (out, err.count("\n")) == ("", 1)
            assert "secret" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_no_start_loads_torch_or_a_renderer() -> None:
    """Catalogs, document and schemas included: planning is a child's, drawing is the first chart's."""
    program = """
import sys
import service.__main__
from service.app import create_app
from service.catalogs import endpoints as catalogs
from service.settings import Settings
create_app(Settings("sqlite:///nothing.db")).openapi()
catalogs.list_families(), catalogs.list_models(), catalogs.list_datasets()
print(sorted({"torch", "scipy", "altair", "vl_convert", "optuna", "pandas"} & set(sys.modules)))
import analysis.render
from service.curves import reading, drawing
print("torch" in sys.modules)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.splitlines() == ["[]", "False"]


@pytest.mark.slow
def test_a_real_server_from_start_to_sigterm(database_url: str) -> None:
    began = time.monotonic()
    with served(database_url) as (process, address), httpx.Client(base_url=address, timeout=60) as client:
        assert client.get("/readyz").json() == {"status": "ready"}
        assert time.monotonic() - began < 15  # 3 s on a quiet machine; this one may be busy

        port = address.rsplit(":", 1)[1]
        second = run("--database", database_url, "--port", port)
        assert (second.returncode, second.stderr.count("\n")) == (2, 1)

        # the real planner, in its child process
        job = client.post("/v1/jobs", json=JOB)
        assert job.status_code == 201, job.text
        assert [p["family"] for p in job.json()["plan"]["points"]] == ["sparse_wide"]
        refused = client.post("/v1/jobs", json={**JOB, "families": ["sparse_parallel"], "nonlinearity": "magic"})
        assert refused.json()["code"] == "unknown-name"

        here = job.json()["links"]["self"]
        kinds = []
        with client.stream("GET", f"{here}/events", headers={"Accept": "text/event-stream"}) as stream:
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    kinds.append(line.removeprefix("event: "))
                if kinds == ["job.queued"]:  # the stream is live: what happens now comes through it
                    httpx.post(f"{address}{here}:cancel").raise_for_status()
                    kinds.append("(asked)")
        assert kinds == ["job.queued", "(asked)", "job.cancelled", "end"]

        other = client.post("/v1/jobs", json=JOB).json()["links"]["self"]
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        with client.stream("GET", f"{other}/events", headers={"Accept": "text/event-stream"}) as stream:
            lines = stream.iter_lines()
            next(lines)
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(timeout=15) == 0
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []


@pytest.mark.slow
def test_a_killed_server_leaves_no_planner_behind(edge_url: str) -> None:
    with served(edge_url) as (process, address):
        httpx.get(f"{address}/healthz").raise_for_status()
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.kill()
        _, alive = psutil.wait_procs(children, timeout=30)
        assert alive == []
