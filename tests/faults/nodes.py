"""A Ray cluster whose nodes all stand on this machine, each a raylet of its own with one CPU, and workers that use it.

Nodes and workers are started again when they end, as restart loops of an operator do: `Nodes.tend`.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.worker.fakes import RUNNER
from worker.processes import end_groups

ROOT = Path(__file__).resolve().parents[2]
OTHER_HOST = "second-node"
START_LIMIT_S = 90.0
RESTART_AFTER_S = 2.0


@dataclass(slots=True)
class Kept:
    """A program that is started again when it ends.

    Attributes:
        not_before: of the next start; starts: how many there were.
    """

    name: str
    command: list[str]
    process: subprocess.Popen[bytes]
    not_before: float = 0.0
    starts: int = 1

    @property
    def family(self) -> list[psutil.Process]:
        """The process and its descendants."""
        try:
            leader = psutil.Process(self.process.pid)
            return [leader, *leader.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


class Nodes:
    """Nodes of one machine, and the workers that use them.

    Args:
        folder: of logs, sockets (so keep it short) and artifacts.
        token: of the cluster; None: it answers anybody.
    """

    def __init__(self, folder: Path, database_url: str, token: str | None) -> None:
        self.folder, self._url = folder, database_url
        with socket.socket() as free:
            free.bind(("", 0))
            self.port = free.getsockname()[1]
        self.address = f"{socket.gethostbyname(socket.gethostname())}:{self.port}"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
            "SPARSEIFT_DATABASE": database_url,  # attempts take its password from here
            "RAY_AUTH_MODE": "disabled" if token is None else "token",
            **({} if token is None else {"RAY_AUTH_TOKEN": token}),
        }
        self.kept: list[Kept] = []

    def start_node(self, *, head: bool = False) -> Kept:
        """A node, waited for. A second one has another host name where we may give it one (as root, on Linux)."""
        elsewhere = not head and os.geteuid() == 0 and shutil.which("unshare") is not None
        away = ("unshare", "--uts", "sh", "-c", f'hostname {OTHER_HOST} && exec "$@"', "sh") if elsewhere else ()
        where = ["--head", f"--port={self.port}", f"--temp-dir={self.folder / 'ray'}", "--include-dashboard=false"]
        if not head:
            where = [f"--address={self.address}"]
        options = ["--num-cpus=1", "--num-gpus=0", "--object-store-memory=100000000", "--block"]
        command = [*away, sys.executable, "-m", "ray.scripts.scripts", "start", *where, *options]
        node = self._start([*command, "--disable-usage-stats"], "head" if head else "node")
        self.wait("a node", lambda: bool(raylets(node)), START_LIMIT_S)
        return node

    def start_worker(self, *more: str, runner: str = RUNNER) -> Kept:
        """A worker that uses this cluster."""
        return self._start(
            [
                *(sys.executable, "-m", "worker", "--database", self._url, "--runner", runner, "--engine", "ray"),
                *("--ray-address", self.address, "--artifacts", str(self.folder / "artifacts")),
                *("--data", str(self.folder), *more),
            ],
            "worker",
        )

    def drop(self, program: Kept) -> None:
        """Do not start it again."""
        self.kept.remove(program)

    def stop(self, worker: Kept) -> None:
        """End a worker as an operator does."""
        self.drop(worker)
        worker.process.terminate()
        assert worker.process.wait(30.0) == 0, self.log("worker")

    def tend(self) -> None:
        """Start again what has ended."""
        now = time.monotonic()
        for program in self.kept:
            if program.process.poll() is None:
                program.not_before = now + RESTART_AFTER_S
            elif now > program.not_before:
                program.process, program.starts = self._run(program.command, program.name), program.starts + 1
                program.not_before = now + RESTART_AFTER_S

    def wait(self, what: str, condition: Callable[[], bool], limit_s: float) -> float:
        """Seconds until it holds, while everything is started again that ends."""
        started_at = time.monotonic()
        while not condition():
            assert time.monotonic() - started_at < limit_s, f"{what}: not within {limit_s:g} s\n{self.log('worker')}"
            self.tend()
            time.sleep(0.05)
        return time.monotonic() - started_at

    def log(self, name: str) -> str:
        """What the programs of a name have said, the end of it."""
        file = self.folder / f"{name}.log"
        return file.read_text()[-6000:] if file.exists() else ""

    def end(self) -> None:
        """End every process of it."""
        families = [program.family for program in self.kept]
        end_groups([*(p.process.pid for p in self.kept), *(p.pid for family in families for p in family)])
        for program in self.kept:
            program.process.wait(10.0)

    def _start(self, command: list[str], name: str) -> Kept:
        self.kept.append(Kept(name, command, self._run(command, name)))
        return self.kept[-1]

    def _run(self, command: list[str], name: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as output:
            return subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )


def raylets(node: Kept) -> list[psutil.Process]:
    """The node's raylet, in a list that is empty while there is none."""
    found = []
    for process in node.family:
        try:
            if process.name() == "raylet" and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def kill_all(node: Kept) -> None:
    """kill -9 of every process of a node, as when its machine is switched off."""
    for process in node.family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    node.process.wait()


def ended(process: psutil.Process) -> bool:
    """Whether it has; ours stay zombies."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
