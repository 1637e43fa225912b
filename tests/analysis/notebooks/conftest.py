"""A real HTTP server with the service's routes and made-up jobs, and the real notebook server in front of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from analysis.curve import Curve

ROOT = Path(__file__).parents[3]
START_S = 30.0


class FakeService:
    """Answers as `service` does; `jobs` and `curves` may be changed while it runs.

    Attributes:
        requests: method and path of every request, in order.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.curves: dict[str, Curve] = {}
        self.requests: list[str] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake.requests.append(f"{self.command} {self.path}")
                fake.answer(self)

            def log_message(self, *arguments: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, job_id: str, curve: Curve, state: str = "running", progress: float = 1.0) -> None:
        """Adds a job or replaces it."""
        self.jobs[job_id] = {
            "id": job_id,
            "name": curve.name,
            "state": state,
            "message": "",
            "progress": progress,
            "eta_seconds": 190.0 if state == "running" else None,
            "trials": curve.counts,
        }
        self.curves[job_id] = curve

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = request.path.split("?")[0].strip("/").split("/")
        if parts == ["v1", "jobs"]:
            return self.send(request, 200, {"items": list(self.jobs.values()), "next_page_token": None})
        job = self.jobs.get(parts[2]) if len(parts) > 2 else None
        if job is None:
            return self.send(request, 404, {"detail": f"There is no job '{parts[-1]}'.", "code": "not-found"})
        if parts[3:] == ["curve"]:
            curve = self.curves[job["id"]].to_json()
            tag = f'"{hash(json.dumps(curve))}"'
            if request.headers.get("If-None-Match") == tag:
                return self.send(request, 304, None)
            return self.send(request, 200, curve, {"ETag": tag})
        return self.send(request, 200, job)

    def send(
        self, request: BaseHTTPRequestHandler, status: int, body: Any, headers: dict[str, str] | None = None
    ) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        request.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def service() -> Iterator[FakeService]:
    fake = FakeService()
    yield fake
    fake.close()


@pytest.fixture(scope="session")
def shared_service() -> Iterator[FakeService]:
    fake = FakeService()
    yield fake
    fake.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def notebooks(shared_service: FakeService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the real program, started as users start it."""
    port, home = free_port(), tmp_path_factory.mktemp("home")
    command = [sys.executable, "-m", "analysis.notebooks", "--api", shared_service.url, "--port", str(port)]
    log = (home / "log").open("wb")
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, "HOME": str(home)})
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                httpx.get(f"{url}/health", trust_env=False).raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.1)
        else:
            pytest.fail(f"the notebook server did not start: {(home / 'log').read_text()}")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        log.close()
