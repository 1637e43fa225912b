"""Worker processes that never outlive their test, nor do their children."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.worker.fakes import RUNNER
from tests.worker.rays import own_ray
from worker.processes import end_groups

__all__ = ["Workers", "own_ray", "wait_until", "workers"]
ROOT = Path(__file__).resolve().parents[2]


class Workers:
    """Starts `python -m worker` with the fake runner and two slots on a test's database."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.database_url, self.folder = database_url, folder
        self.log = folder / "worker.log"
        self._started: list[subprocess.Popen[bytes]] = []
        self._children: set[int] = set()

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        """A worker with further arguments; its output goes to `log`."""
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "worker", "--database", self.database_url, "--runner", RUNNER),
                    *("--artifacts", str(self.folder / "artifacts"), "--data", str(self.folder), "--slots", "2"),
                    *("--devices", "cpu", "--threads-per-slot", "1", *more),
                ],
                cwd=ROOT,
                stdout=output,
                stderr=output,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        self._started.append(process)
        return process

    def finish(self, process: subprocess.Popen[bytes], limit_s: float = 60.0) -> None:
        """Wait for a clean end."""
        assert process.wait(timeout=limit_s) == 0, self.log.read_text()

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """kill -9 of the worker alone."""
        self._remember(process)
        process.kill()
        process.wait()

    def end(self) -> None:
        """End what still runs."""
        for process in self._started:
            if process.poll() is None:
                self.kill(process)
        end_groups(self._children)

    def _remember(self, process: subprocess.Popen[bytes]) -> None:
        self._children |= {child.pid for child in psutil.Process(process.pid).children()}


@pytest.fixture
def workers(database_url: str, tmp_path: Path) -> Iterator[Workers]:
    """Workers on the test's database."""
    made = Workers(database_url, tmp_path)
    yield made
    made.end()


def wait_until(condition: Callable[[], bool], limit_s: float = 30.0) -> float:
    """Seconds until the condition holds."""
    started_at = time.monotonic()
    while not condition():
        assert time.monotonic() - started_at < limit_s, "it did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - started_at
