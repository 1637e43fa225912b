"""What an attempt costs on each engine when there is nothing to train: 200 no-op trials with 10 reports each.

    PYTHONPATH=. python benchmarks/engines.py --trials 200 --engines local,ray

Beside each: the same attempts one after the other in this process (`worker.attempt.execute`, no engine at all). Wall
time is per attempt with two slots; CPU time is this process's, which is the worker's share: placing and watching.
"""

import argparse
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from sparseift.records import Configuration, Progress, TrialResult, TrialSpec
from store import attempts, jobs, migrate, trials
from store.sessions import Database
from tests.worker.fakes import make_plan, make_spec, submit
from worker.attempt import execute
from worker.engine import Engine, Slot
from worker.engines import Wish, make
from worker.order import Order, Setting

REPORTS = 10
TTL_S = 60.0
SLOTS = 2
TICK_S = 0.01


def noop(_trial: TrialSpec, *, report: Callable[[Progress], None], **_: Any) -> TrialResult:
    """A runner that reports and is done."""
    for step in range(1, REPORTS + 1):
        report(Progress(step, REPORTS, 1.0, None, 1e3 * step, 0.5, None, None, 0.0))
    return TrialResult(90.0, None, 1000, 2000, 1.0, 1e6, 0.5, 600, 500, 0.1)


class Queue:
    """A job whose trials are started by hand."""

    def __init__(self, database: Database) -> None:
        self.database, self.spec = database, make_spec()
        self.job_id = submit(database, self.spec)
        with database.write() as session:
            job = jobs.claim(session, "benchmark", 1e6)
            assert job is not None, "there is a job"
            self.token = job.lease_token or ""
        self.placed = 0

    def order(self, slot: Slot) -> Order:
        """The next trial's attempt on a slot."""
        dense, plan = Configuration("dense"), make_plan()
        with self.database.write() as session:
            trial = trials.add(
                session,
                self.job_id,
                self.token,
                number=self.placed,
                kind="search",
                configuration=dense,
                point=plan.dense,
                seed=self.placed,
            )
            attempt = attempts.start(
                session,
                trial.id,
                job_token=self.token,
                worker="benchmark",
                slot=slot.name,
                ttl_s=TTL_S,
                environment={},
                log_path="",
            )
            attempts.set_process(session, attempt.id, attempt.token, slot.process)
        self.placed += 1
        spec = TrialSpec(
            self.spec.model, self.spec.dataset, self.spec.training, dense, "model", "default", self.placed, False
        )
        return Order(attempt.id, attempt.token, spec, f"{self.job_id}/{self.placed}", None)


def in_process(queue: Queue, setting: Setting, count: int) -> None:
    """No engine."""
    for _ in range(count):
        execute(queue.order(Slot("here/cpu:0", "", 1)), setting, queue.database, noop, Event())


def on(engine: Engine, queue: Queue, count: int) -> None:
    """As the scheduler does, with a shorter tick."""
    left = count
    while left or engine.alive():
        while left and (slot := engine.can(())) is not None:
            engine.place(slot, queue.order(slot))
            left -= 1
        time.sleep(TICK_S)


def measure(work: Callable[[], None], count: int) -> tuple[float, float]:
    """(wall, this process's CPU) in ms per attempt."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return 1e3 * (time.perf_counter() - wall) / count, 1e3 * (time.process_time() - cpu) / count


def main() -> None:
    """Print one line per engine."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--trials", type=int, default=200)
    line.add_argument("--engines", default="local,ray")
    arguments = line.parse_args()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    count = arguments.trials
    folder = Path(tempfile.mkdtemp())
    print(f"{count} no-op trials with {REPORTS} reports, SQLite, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("engine      start s  wall ms/trial  worker CPU ms/trial  wall ratio")
    base = 0.0
    for name in ("in-process", *arguments.engines.split(",")):
        url = f"sqlite:///{folder / name}.db"
        migrate.upgrade(url)
        with ExitStack() as closing:
            database = Database(url)
            closing.callback(database.close)
            runner = "benchmarks.engines:noop"
            setting = Setting(database.url, str(folder / "artifacts"), str(folder), "cpu", 1, TTL_S, None, runner)
            queue = Queue(database)
            started_at = time.perf_counter()
            if name == "in-process":
                (folder / "artifacts").mkdir()
                start_s, (wall, cpu) = 0.0, measure(partial(in_process, queue, setting, count), count)
                base = wall
            else:
                wish = Wish(name, "cpu", slots=SLOTS, threads_per_slot=1)
                engine = make(wish, setting, database, closing)
                while engine.can(()) is None:
                    time.sleep(TICK_S)
                start_s = time.perf_counter() - started_at
                wall, cpu = measure(partial(on, engine, queue, count), count)
                engine.close()
            with database.read() as session:
                done = sum(t.state == "complete" for t in trials.all_of(session, queue.job_id))
            assert done == count, f"{done} of {count} trials were completed"
        print(f"{name:<11} {start_s:7.1f}  {wall:13.1f}  {cpu:19.1f}  {wall / base:10.1f}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
