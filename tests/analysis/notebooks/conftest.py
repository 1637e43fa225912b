"""The real service over real rows, the real notebook server before it, and a browser: one of each for all tests."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn

from analysis.curve import Curve
from store import tokens
from store.sessions import Database
from tests.analysis.notebooks.stocked import stock

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

    from service.settings import Settings

ROOT = Path(__file__).parents[3]
START_S = 40.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NO_CHROMIUM = "There is no Chromium here, which pages are tested in: `apt-get install chromium` (Debian's package)."
in_browser = pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason=NO_CHROMIUM)  # CI must not skip
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class FakeService:
    """Answers as `service` does; `jobs` and `curves` may be changed while it runs.

    Attributes:
        requests: method, path and Authorization header of every request, in order.
        refused: Authorization headers that may see no job.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.curves: dict[str, Curve] = {}
        self.requests: list[str] = []
        self.authorizations: list[str | None] = []
        self.refused: set[str] = set()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake.requests.append(f"{self.command} {self.path}")
                fake.authorizations.append(self.headers.get("Authorization"))
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
        if request.headers.get("Authorization") in self.refused:
            return self.send(request, 404, {"detail": "There is no such job, not for this token."})
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass
class Served:
    """The service in a thread of this process.

    Attributes:
        jobs: ids of the jobs by "finished", "partial", "empty" and "failed".
        token: one that may read, where the service requires tokens.
    """

    settings: "Settings"
    port: int
    jobs: dict[str, str]
    token: str = ""
    _stop: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def up(self) -> Iterator[None]:
        """Answers inside the context."""
        self.start()
        try:
            yield
        finally:
            self._stop()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Does not answer inside the context, and again afterwards."""
        self._stop()
        try:
            yield
        finally:
            self.start()

    def start(self) -> None:
        from service.app import create_app  # a second, which the tests of pieces do not need
        from tests.service.fakes import FakePlanner

        app = create_app(self.settings, FakePlanner())
        config = uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="error", ws="none", log_config=None)
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + START_S
        while not server.started:
            assert thread.is_alive(), "the service did not start"
            assert time.monotonic() < deadline
            time.sleep(0.02)

        def stop() -> None:
            server.should_exit = True
            thread.join(10)

        self._stop = stop


@contextmanager
def stocked_service(template: Path, folder: Path, *, require_tokens: bool = False) -> Iterator[Served]:
    """A database with jobs in every state, and the service that is not up yet."""
    from service.settings import Settings

    file = folder / "sparseift.db"
    shutil.copy(template, file)
    url, token = f"sqlite:///{file}", ""
    database = Database(url)
    with database.write() as session:
        jobs = stock(session, folder / "artifacts")
        if require_tokens:
            token = tokens.create(session, "viewer", "read", "default", days=1.0)[1]
    database.close()
    yield Served(Settings(url, folder / "artifacts", require_tokens=require_tokens), free_port(), jobs, token)


@pytest.fixture(scope="session")
def real(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The service over real rows, up."""
    with stocked_service(sqlite_template, tmp_path_factory.mktemp("service")) as served, served.up():
        yield served


@contextmanager
def notebook_server(api: str, home: Path) -> Iterator[str]:
    """The address of the real program, started as users start it."""
    port = free_port()
    command = [sys.executable, "-m", "analysis.notebooks", "--api", api, "--port", str(port)]
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


@pytest.fixture(scope="session")
def notebooks(real: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The notebooks before the real service."""
    with notebook_server(real.url, tmp_path_factory.mktemp("home")) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.fail(NO_CHROMIUM)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield started
        started.close()


@pytest.fixture(scope="session")
def viewer(browser: "Browser") -> "Iterator[BrowserContext]":
    """One visitor for all tests, who has marimo's files after the first page."""
    context = browser.new_context(accept_downloads=True)
    yield context
    context.close()
