"""Servers that a benchmark starts and asks over one connection: wall time and CPU time of each question."""

import http.client
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

START_LIMIT_S = 60.0


@dataclass(frozen=True)
class Row:
    """One question's measurements.

    Attributes:
        p50_ms, p95_ms, p99_ms: wall time of a request. cpu_ms: mean of the server process.
        size: bytes of the last answer.
        target: what is asked of it, in words.
    """

    question: str
    requests: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_ms: float
    size: int
    target: str = ""

    def line(self) -> str:
        """As printed."""
        times = f"{self.p50_ms:9.1f} {self.p95_ms:9.1f} {self.p99_ms:9.1f} {self.cpu_ms:9.1f}"
        return f"{self.question:<46} {self.requests:>5} {times} {self.size / 1e3:>9.1f}  {self.target}".rstrip()


HEAD = f"{'':<46} {'n':>5} {'p50 ms':>9} {'p95 ms':>9} {'p99 ms':>9} {'CPU-ms':>9} {'kB':>9}  target"


class Server:
    """A server process and one connection to it."""

    def __init__(self, process: psutil.Process, port: int) -> None:
        self.process = process
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def ask(
        self, path: str, headers: dict[str, str] | None = None, body: object = None, accepted: tuple[int, ...] = (200,)
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """One request, read to its end.

        Raises:
            RuntimeError: another status than an accepted one.
        """
        sent = None if body is None else json.dumps(body)
        given = {**(headers or {}), **({} if sent is None else {"Content-Type": "application/json"})}
        self._connection.request("GET" if sent is None else "POST", path, sent, given)
        response = self._connection.getresponse()
        content = response.read()
        if response.status not in accepted:
            raise RuntimeError(f"{path} was answered {response.status}: {content[:300]!r}")
        return response, content

    def cpu_s(self) -> float:
        """CPU seconds so far, with those of its children."""
        total: float = 0.0
        for process in [self.process, *self.process.children(recursive=True)]:
            times = process.cpu_times()
            total += times.user + times.system
        return total

    def memory_mb(self) -> float:
        """Resident memory of the process and its children."""
        found = [self.process, *self.process.children(recursive=True)]
        return float(sum(process.memory_info().rss for process in found)) / 1e6


def measured(
    question: str, server: Server, ask: Callable[[], bytes], requests: int, target: str = "", before: object = None
) -> Row:
    """Ask so many times; the first answer, which may warm something up, does not count. `before` runs untimed."""
    ask()
    walls, size, cpu = [], 0, server.cpu_s()
    for _ in range(requests):
        if callable(before):
            before()
        began = time.perf_counter()
        size = len(ask())
        walls.append(1e3 * (time.perf_counter() - began))
    cpu = server.cpu_s() - cpu
    walls.sort()
    p50, p95, p99 = (walls[min(requests - 1, int(share * requests))] for share in (0.5, 0.95, 0.99))
    return Row(question, requests, p50, p95, p99, 1e3 * cpu / requests, size, target)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(command: list[str], port: int, path: str, log: Path, environment: dict[str, str]) -> Iterator[Server]:
    """A server until the end of the context, once it answers `path`; `began` to the first answer is its start."""
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env=environment) as process,
    ):
        try:
            wait_for(process, port, path, log)
            yield Server(psutil.Process(process.pid), port)
        finally:
            children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
            for child in children:
                if child.is_running():
                    child.kill()


def wait_for(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    """Until the server answers 200.

    Raises:
        RuntimeError: it ended, or took longer than `START_LIMIT_S`.
    """
    limit = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_LIMIT_S)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    raise RuntimeError(f"No answer on port {port}: {log.read_text()[-2000:]}")
