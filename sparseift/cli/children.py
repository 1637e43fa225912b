"""Child processes that are kept alive: started, restarted after a crash with growing pauses, and ended cleanly."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from sparseift.errors import SparseIFTError

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before each restart; after the last the child counts as broken
HEALTHY = 60.0  # seconds of life after which a child's crashes are forgotten
GRACE = 20.0  # seconds between asking a child to end and ending it
TAIL = 15  # lines of a log shown when its child breaks


class ChildBroken(SparseIFTError):
    """A child process that ends again and again."""


@dataclass(slots=True)
class Child:
    """One program: its command line, where its output goes, and its process.

    Attributes:
        pauses: seconds before each restart; after the last the child counts as broken.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    pauses: tuple[float, ...] = PAUSES
    process: subprocess.Popen[bytes] | None = None
    log_begin: int = 0  # bytes of the log before this start
    crashes: int = 0
    started_at: float = 0.0  # monotonic seconds
    restart_at: float | None = None  # monotonic seconds; None while it runs

    def start(self) -> None:
        """Starts it in a session of its own: a Ctrl-C in the terminal reaches only us, who end it in order.

        Its stdin is a pipe that only we hold: its end tells a tethered program that we are gone.
        """
        self._let_go()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.log_begin = log.tell()
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started_at, self.restart_at = time.monotonic(), None

    def watch(self) -> str | None:
        """Restarts it where needed; a sentence when something happened.

        Raises:
            ChildBroken: it crashed once more than there are pauses.
        """
        if self.restart_at is not None:
            if time.monotonic() < self.restart_at:
                return None
            self.start()
            return f"{self.name} was started again."
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self._let_go()
        if time.monotonic() - self.started_at > HEALTHY:
            self.crashes = 0
        if self.crashes == len(self.pauses):
            raise ChildBroken(self.describe_end(code))
        pause = self.pauses[self.crashes]
        self.crashes, self.restart_at = self.crashes + 1, time.monotonic() + pause
        return f"{self.name} ended with code {code}; it is started again in {pause:g} s (log: {self.log})."

    def describe_end(self, code: int) -> str:
        """Why it is given up, with the end of its log."""
        with self.log.open("rb") as log:
            log.seek(self.log_begin)
            lines = log.read().decode(errors="replace").splitlines()[-TAIL:]
        shown = "".join(f"\n  {line}" for line in lines)
        return f"{self.name} ended with code {code}; the end of {self.log}:{shown}"

    def ask_to_end(self) -> None:
        """SIGTERM, where it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def end(self, deadline: float) -> None:
        """Waits until the deadline (monotonic seconds), then ends what is left of its process group."""
        if self.process is None:
            return
        self._let_go()
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _let_go(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()


def end_all(children: list[Child], grace: float = GRACE) -> None:
    """Asks all of them to end at once, then waits `grace` seconds for them; the last started is asked first."""
    for child in reversed(children):
        child.ask_to_end()
    deadline = time.monotonic() + grace
    for child in reversed(children):
        child.end(deadline)
