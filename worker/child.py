"""The trial process of one slot, started by `worker.local`: warm between attempts, `python -m worker.child STATUS_FD`.

On stdin, a JSON line each: {"setting": …} once, then {"order": …} to run an attempt and {"stop": attempt id} to
checkpoint and hand it back. The end of stdin means that the worker is gone: the attempt that runs is finished, and
then the process ends. On the status pipe: {"ready": true} after the imports, {"reported": attempt id} with an attempt's
first report, {"idle": attempt id} after each attempt.
"""

import gc
import json
import logging
import os
import queue
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from sparseift import catalog
from sparseift.records import Progress, TrialResult, TrialSpec
from store.sessions import Database
from worker.attempt import Runner, execute
from worker.order import Order, Setting
from worker.warmth import key_of
from worker.watchdog import watched

log = logging.getLogger(__name__)


class Stdin(threading.Thread):
    """Reads the worker's lines while the main thread trains."""

    def __init__(self) -> None:
        super().__init__(name="stdin", daemon=True)
        self.orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self.hand_back = threading.Event()
        self._lock = threading.Lock()
        self._running: int | None = None
        self._stopped: set[int] = set()

    def began(self, attempt_id: int) -> None:
        """From here on, a stop is meant for this attempt; it may have come already."""
        with self._lock:
            self._running = attempt_id
            self.hand_back.clear()
            if attempt_id in self._stopped:
                self.hand_back.set()

    def run(self) -> None:
        """Sort lines until the pipe ends."""
        for line in sys.stdin:
            self.sort(line)
        self.orders.put(None)

    def sort(self, line: str) -> None:
        """Take an order or a stop."""
        message: dict[str, Any] = json.loads(line)
        if "order" in message:
            self.orders.put(Order.from_json(message["order"]))
        elif "stop" in message:
            with self._lock:
                self._stopped.add(message["stop"])
                if message["stop"] == self._running:
                    self.hand_back.set()


def tell(status: int, message: dict[str, Any]) -> None:
    """Write to the worker, who may be gone."""
    try:
        os.write(status, (json.dumps(message) + "\n").encode())
    except BrokenPipeError:
        return


def write_to(path: Path) -> None:
    """Send stdout and stderr, of libraries in C too, to the end of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor in (1, 2):
        os.dup2(file, descriptor)
    os.close(file)


def announced(runner: Runner, first: Callable[[], None]) -> Runner:
    """The runner; `first` is called before its first report: by then it has taken the memory that it needs."""

    def run(trial: TrialSpec, *, report: Callable[[Progress], None], **more: Any) -> TrialResult:
        told = False

        def announced_report(progress: Progress) -> None:
            nonlocal told
            if not told:
                told = True
                first()
            report(progress)

        return runner(trial, report=announced_report, **more)

    return run


def clean_up() -> None:
    """Give memory back between attempts."""
    gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def forget_graphs() -> None:
    """Drop what torch has compiled: it keeps eight graphs of one function and computes every further width without.

    What a trial measures must not depend on which trials its process has run before.
    """
    dynamo: Any = sys.modules.get("torch._dynamo")
    if dynamo is not None:
        dynamo.reset()


def limit_gpu_memory(fraction: float | None) -> None:
    """Let this process take no more of a shared GPU than it was given, so that it fails and not its neighbours."""
    torch: Any = sys.modules.get("torch")
    if fraction is not None and torch is not None and torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(min(1.0, fraction))


def resident_bytes() -> int:
    """Memory of this process that is in RAM."""
    return int(psutil.Process().memory_info().rss)


def main() -> None:
    """Run attempts until stdin ends, or the process is no longer sound or has grown too much; then it is replaced."""
    status = int(sys.argv[1])
    os.set_inheritable(status, False)  # an attempt's own children must not hold the pipe open
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    setting = Setting(**json.loads(sys.stdin.readline())["setting"])
    runner: Runner = catalog.load(setting.runner)  # imports torch
    limit_gpu_memory(setting.gpu_fraction)
    database = Database(setting.database_url)
    stdin = Stdin()
    stdin.start()
    at_first = resident_bytes()
    tell(status, {"ready": True})
    key = ""
    while (order := stdin.orders.get()) is not None:
        write_to(Path(setting.artifacts) / order.log_path)
        stdin.began(order.attempt_id)
        if key_of(order.trial) != key:
            forget_graphs()
            key = key_of(order.trial)
        telling = announced(runner, partial(tell, status, {"reported": order.attempt_id}))
        guarded = watched(telling, order, database, setting.hang_limit_s)
        sound = execute(order, setting, database, guarded, stdin.hand_back)
        if not sound:
            break
        clean_up()  # not before: on a GPU that failed, this would too
        grown = resident_bytes() - at_first
        if setting.leak_limit_bytes is not None and grown > setting.leak_limit_bytes:
            log.warning("This process has grown by %d MiB since it was started and is replaced", grown >> 20)
            break
        tell(status, {"idle": order.attempt_id})
    database.close()


if __name__ == "__main__":
    main()
