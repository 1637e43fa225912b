"""`sparseift serve` as a real process, and the command line beside it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sparseift.cli import tether
from sparseift.cli.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-c", "from sparseift.cli.app import main; main()")
START_LIMIT_S = 120
STOP_LIMIT_S = 60


def environment(**more: str) -> dict[str, str]:
    """Without what the caller's shell says of other services."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SPARSEIFT_")}
    return {**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "200", **more}


class Server:
    """`sparseift serve` around a data folder, with every process below it."""

    def __init__(self, folder: Path, database_url: str | None, *more: str) -> None:
        self.folder, self.log = folder, folder / "serve.log"
        self.port, self.notebooks_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        variables = {"SPARSEIFT_DATABASE": database_url} if database_url else {}
        ports = ("--port", str(self.port), "--notebooks-port", str(self.notebooks_port))
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", "--data", str(folder / "data"), *ports, *more],
                stdout=output,
                stderr=output,
                env=environment(**variables),
            )
        self.below: set[psutil.Process] = set()

    def wait_until_ready(self) -> None:
        """Until it has printed its addresses."""
        for _ in range(START_LIMIT_S * 10):
            if "Ctrl-C ends" in self.log.read_text():
                self.note_children()
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def note_children(self) -> None:
        """Remembers what runs below it."""
        self.below.update(psutil.Process(self.process.pid).children(recursive=True))

    def child(self, module: str) -> psutil.Process:
        """The running program of that name."""
        children = psutil.Process(self.process.pid).children()
        return next(p for p in children if p.cmdline()[1:4] == ["-m", tether.MODULE, module])

    def stop(self) -> int:
        """Ends it as Ctrl-C does; its exit code."""
        self.note_children()
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_LIMIT_S)

    def leftovers(self) -> list[psutil.Process]:
        """What still runs of all that ever ran below it."""
        return [p for p in self.below if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    def destroy(self) -> None:
        """Whatever happened, nothing outlives the test."""
        if self.process.poll() is None:
            self.note_children()
            self.process.kill()
            self.process.wait()
        for left in self.leftovers():
            left.kill()

    def run(self, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """A command of the same user."""
        return subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment(SPARSEIFT_API=self.url),
            check=False,
        )


StartServer = Callable[..., Server]


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Starts servers that end with the module."""
    started: list[Server] = []

    def start(database_url: str | None = None, *more: str) -> Server:
        started.append(Server(tmp_path_factory.mktemp("serve"), database_url, *more))
        started[-1].wait_until_ready()
        return started[-1]

    yield start
    for server in started:
        server.destroy()
