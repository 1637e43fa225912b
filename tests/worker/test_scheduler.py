"""What a scheduler does with attempts that an earlier worker left, on an engine without processes."""

import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import update

from sparseift.records import Budget, Configuration
from store import attempts, jobs, trials, verbs, workers
from store.sessions import Database
from store.tables import Attempt, Worker
from tests.worker.conftest import wait_until
from tests.worker.fakes import make_plan, make_spec, submit
from worker.engine import Death, EngineLost, Slot
from worker.order import Order
from worker.processes import identity
from worker.scheduler import Scheduler

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HERE = platform.node()
TTL_S = 1.2


class IdleEngine:
    """An engine without a free slot, which remembers what it was asked."""

    def __init__(self) -> None:
        self.occupied: list[str] = []
        self.killed: list[int] = []

    def can(self, occupied: Collection[str], key: str = "") -> Slot | None:
        del key
        self.occupied = list(occupied)
        return None

    def place(self, slot: Slot, order: Order) -> None:
        raise AssertionError(f"there was no slot for {order} on {slot}")

    def alive(self) -> frozenset[int]:
        return frozenset()

    def death(self, attempt_id: int) -> Death | None:
        del attempt_id
        return None

    def kill(self, attempt_ids: Collection[int]) -> frozenset[int]:
        self.killed += attempt_ids
        return frozenset()

    def hand_back(self) -> None:
        return

    def close(self) -> None:
        return


def leave_an_attempt(database: Database, *, slot: str, process: str, ttl_s: float, pause: bool = False) -> int:
    """An earlier worker's running attempt, its job no longer owned (or paused); the attempt's id."""
    job_id = submit(database, make_spec(budget=Budget(1, 0)))
    with database.write() as session:
        job = jobs.claim(session, "earlier", 60.0)
        assert job is not None
        token = job.lease_token or ""
        trial = trials.add(
            session,
            job_id,
            token,
            number=0,
            kind="baseline",
            configuration=Configuration("dense"),
            point=make_plan().dense,
            seed=1,
        )
        attempt = attempts.start(
            session,
            trial.id,
            job_token=token,
            worker="earlier",
            slot=slot,
            ttl_s=ttl_s,
            environment={},
            log_path="",
        )
        attempts.set_process(session, attempt.id, attempt.token, process)
        if pause:
            verbs.pause(session, job_id)
        jobs.release(session, job_id, token)
        return attempt.id


@contextmanager
def serving(database: Database, engine: IdleEngine, attempt_limit_s: float | None = None) -> Iterator[None]:
    stop = threading.Event()
    scheduler = Scheduler(
        database, engine, lease_ttl_s=TTL_S, stop=stop, artifacts=Path(), attempt_limit_s=attempt_limit_s
    )
    thread = threading.Thread(target=scheduler.serve)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def state_of(database: Database, attempt_id: int) -> str:
    with database.read() as session:
        return session.get_one(Attempt, attempt_id).state


def test_a_healthy_attempt_is_adopted_with_its_slot(database: Database) -> None:
    engine, process = IdleEngine(), identity(os.getpid())
    attempt_id = leave_an_attempt(database, slot=f"{HERE}/cpu:1", process=process, ttl_s=60.0)
    with serving(database, engine):
        wait_until(lambda: engine.occupied == [f"{HERE}/cpu:1"])
        time.sleep(2 * TTL_S)
    assert state_of(database, attempt_id) == "running"
    assert engine.killed == []


def test_a_healthy_attempt_elsewhere_takes_no_slot_here(database: Database) -> None:
    engine = IdleEngine()
    attempt_id = leave_an_attempt(database, slot="elsewhere/cpu:1", process="1@1.0", ttl_s=60.0)
    with serving(database, engine):
        time.sleep(TTL_S)
    assert engine.occupied == []
    assert state_of(database, attempt_id) == "running"


def test_an_attempt_of_another_job_keeps_its_slot_until_its_worker_is_back_or_it_ends(database: Database) -> None:
    engine = IdleEngine()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = identity(process.pid)
        leave_an_attempt(database, slot=f"{HERE}/cpu:1", process=name, ttl_s=60.0, pause=True)
        submit(database, make_spec(budget=Budget(1, 0)))
        with serving(database, engine):
            wait_until(lambda: engine.occupied == [f"{HERE}/cpu:1"])
            with database.write() as session:  # a worker that lives beside this one knows what its slots run
                workers.tell(
                    session,
                    "earlier",
                    host=HERE,
                    process=identity(os.getpid()),
                    engine="local",
                    slot_names=[],
                    versions={},
                    lease_ttl_s=60.0,
                )
            wait_until(lambda: engine.occupied == [])
            with database.write() as session:
                session.execute(update(Worker).values(process=f"{os.getpid()}@1.0"))
            wait_until(lambda: engine.occupied == [f"{HERE}/cpu:1"])
            process.communicate()
            wait_until(lambda: engine.occupied == [])


def test_an_attempt_whose_process_is_gone_is_lost_at_once(database: Database) -> None:
    attempt_id = leave_an_attempt(database, slot=f"{HERE}/cpu:0", process=f"{os.getpid()}@1.0", ttl_s=60.0)
    with serving(database, IdleEngine()):
        assert wait_until(lambda: state_of(database, attempt_id) == "lost") < TTL_S


def test_no_lease_is_judged_before_the_database_was_there_for_one_ttl(database: Database) -> None:
    attempt_id = leave_an_attempt(database, slot="elsewhere/cpu:0", process="1@1.0", ttl_s=0.0)
    with serving(database, IdleEngine()):
        assert wait_until(lambda: state_of(database, attempt_id) == "lost") >= TTL_S - 0.1


def test_an_adopted_attempt_that_hangs_is_ended_at_its_time_limit(database: Database) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as process:
        attempt_id = leave_an_attempt(database, slot=f"{HERE}/cpu:0", process=identity(process.pid), ttl_s=60.0)
        with database.write() as session:
            session.get_one(Attempt, attempt_id).started_at_s -= 100.0
        with serving(database, IdleEngine(), attempt_limit_s=200.0):
            time.sleep(2 * TTL_S)
            assert state_of(database, attempt_id) == "running"
        with serving(database, IdleEngine(), attempt_limit_s=90.0):
            wait_until(lambda: state_of(database, attempt_id) != "running")
        assert process.wait(timeout=5.0) < 0
    with database.read() as session:
        attempt = session.get_one(Attempt, attempt_id)
        assert (attempt.state, attempt.failure_class) == ("failed", "timeout")
        assert attempt.message == "The attempt ran for more than 90 s and did not end by itself."


def test_a_worker_whose_engine_is_gone_for_good_lets_its_job_go_and_ends(database: Database, tmp_path: Path) -> None:
    class Gone(IdleEngine):
        def can(self, occupied: Collection[str], key: str = "") -> Slot | None:
            del occupied, key
            raise EngineLost("The cluster is another one now.")

    job_id = submit(database, make_spec())
    scheduler = Scheduler(database, Gone(), lease_ttl_s=60.0, stop=threading.Event(), artifacts=tmp_path)
    with pytest.raises(EngineLost):
        scheduler.serve()
    with database.read() as session:
        job = jobs.get(session, job_id)
    assert (job.state, job.lease_token) == ("running", None), "the next worker need not wait for the lease"


def test_a_worker_told_to_stop_lets_its_job_go_though_its_engine_is_gone(database: Database, tmp_path: Path) -> None:
    stop = threading.Event()

    class Gone(IdleEngine):
        def can(self, occupied: Collection[str], key: str = "") -> Slot | None:
            del occupied, key
            stop.set()
            return None

        def hand_back(self) -> None:
            raise EngineLost("The cluster is another one now.")

    job_id = submit(database, make_spec())
    Scheduler(database, Gone(), lease_ttl_s=60.0, stop=stop, artifacts=tmp_path).serve()
    with database.read() as session:
        assert jobs.get(session, job_id).lease_token is None
