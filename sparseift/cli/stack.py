"""The programs of one machine as one thing: database, API, worker and notebooks around a data folder."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from sparseift.cli import programs
from sparseift.cli.access import Access
from sparseift.cli.children import Child, ChildBroken, end_all
from sparseift.cli.failures import UsageProblem
from sparseift.cli.folders import Folders
from sparseift.cli.placing import Placing
from sparseift.cli.ports import HOST, listens, require_free
from sparseift.cli.signals import shielded
from sparseift.client import Client
from sparseift.errors import SparseIFTError

READY = 90.0  # seconds for a cold start
TICK = 0.25  # seconds between looks at the children


@dataclass(slots=True)
class Stack:
    """The running programs; a context manager that ends them all.

    Attributes:
        worker: how the worker places trials; None starts no worker.
        say: where sentences about crashes go.
        access: the service's options about who may ask.
    """

    folders: Folders
    database: str
    port: int
    notebooks_port: int
    worker: Placing | None
    say: Callable[[str], None]
    access: Access = field(default_factory=Access)
    children: list[Child] = field(default_factory=list)

    @property
    def api(self) -> str:
        """Address of the API."""
        return f"http://{HOST}:{self.port}"

    @property
    def notebooks(self) -> str:
        """Address of the notebooks."""
        return f"http://{HOST}:{self.notebooks_port}"

    def __enter__(self) -> Self:
        if self.port == self.notebooks_port:
            raise UsageProblem(f"--port and --notebooks-port are both {self.port}; choose two different ports.")
        require_free(self.port, "API")
        require_free(self.notebooks_port, "notebooks")
        if self.worker is not None:
            self.worker.check()
        self.folders.create()
        programs.reach("store.migrate:upgrade")(self.database)
        self.children = [self._child(name, line) for name, line in self._commands().items()]
        try:
            for child in self.children:
                child.start()
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def watch(self) -> None:
        """Restarts what crashed; to be called every now and then.

        Raises:
            ChildBroken: a program that keeps ending.
        """
        for child in self.children:
            if sentence := child.watch():
                self.say(sentence)

    def watch_for_ever(self) -> None:
        """Watches until a signal interrupts or a program breaks."""
        while True:
            self.watch()
            time.sleep(TICK)

    def _commands(self) -> dict[str, list[str]]:
        service = ("--host", HOST, "--port", str(self.port), "--artifacts", str(self.folders.artifacts))
        notebooks = ("--api", self.api, "--host", HOST, "--port", str(self.notebooks_port))
        commands = {
            "service": programs.tethered("service", *service, *self.access.arguments()),
            "notebooks": programs.tethered("analysis.notebooks", *notebooks),
        }
        if self.worker is not None:
            folders = ("--artifacts", str(self.folders.artifacts), "--data", str(self.folders.datasets))
            commands["worker"] = programs.tethered("worker", *folders, *self.worker.arguments())
        return commands

    def _child(self, name: str, command: list[str]) -> Child:
        return Child(name, command, programs.environment(self.database), self.folders.logs / f"{name}.log")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY
        with Client(self.api, timeout_s=2.0) as client:
            while not (client.is_ready() and listens(self.notebooks_port)):
                for child in self.children:
                    if child.process is not None and (code := child.process.poll()) is not None:
                        raise ChildBroken(child.describe_end(code))
                if time.monotonic() > deadline:
                    raise SparseIFTError(
                        f"The programs were not ready within {READY:g} s; see the logs in {self.folders.logs}."
                    )
                time.sleep(TICK)

    def _end(self) -> None:
        with shielded():
            end_all(self.children)
