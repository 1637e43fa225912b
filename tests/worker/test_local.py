"""The engine's promises, on real children and a real database."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sparseift.records import Configuration, TrialSpec
from store import attempts, jobs, trials, verbs
from store.sessions import Database
from store.tables import Attempt, Trial
from tests.worker.conftest import wait_until
from tests.worker.fakes import RUNNER, make_plan, make_spec, submit
from worker.devices import share
from worker.engine import Slot
from worker.local import LocalEngine
from worker.order import Order, Setting

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]
TTL_S = 30.0


class Bench:
    """One job whose trials are placed by hand on a one-slot engine."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        setting = Setting(database.url, str(folder / "artifacts"), str(folder), "cpu", 1, TTL_S, 60.0, RUNNER)
        self.engine = LocalEngine(share(("cpu",), 1, 1), setting)

    def slot(self) -> Slot:
        found: list[Slot] = []

        def free() -> bool:
            slot = self.engine.can(())
            found.extend([slot] if slot is not None else [])
            return slot is not None

        wait_until(free)
        return found[0]

    def place(self, **training: object) -> Order:
        """Start an attempt of a new job's baseline with this `training`."""
        slot, spec = self.slot(), make_spec(training)
        job_id = submit(self.database, spec)
        with self.database.write() as session:
            job = jobs.claim(session, "bench", TTL_S)
            assert job is not None
            assert job.id == job_id
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
                worker="bench",
                slot=slot.name,
                ttl_s=TTL_S,
                environment={},
                log_path="",
            )
        trial_spec = TrialSpec(
            spec.model, spec.dataset, spec.training, Configuration("dense"), "model", "default", 1, True
        )
        order = Order(attempt.id, attempt.token, trial_spec, f"{job_id}/0-{attempt.token[:8]}", None)
        self.engine.place(slot, order)
        assert self.engine.alive() == {attempt.id}
        assert self.engine.can(()) is None
        return order

    def rows(self, order: Order) -> tuple[Attempt, Trial]:
        with self.database.read() as session:
            attempt = session.get_one(Attempt, order.attempt_id)
            return attempt, session.get_one(Trial, attempt.trial_id)

    def wait_for_end(self, order: Order) -> tuple[Attempt, Trial]:
        wait_until(lambda: order.attempt_id not in self.engine.alive())
        return self.rows(order)


@pytest.fixture
def bench(database: Database, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(database, tmp_path)
    yield made
    made.engine.kill(made.engine.alive())
    made.engine.close()


def test_a_child_stays_warm_and_writes_its_own_row(bench: Bench, tmp_path: Path) -> None:
    first = bench.place()
    attempt, trial = bench.wait_for_end(first)
    assert (attempt.state, trial.state, trial.test_value is not None) == ("finished", "complete", True)
    with bench.database.read() as session:
        assert [r.step for r in attempts.reports(session, trial.id)] == [1, 2, 3, 4]
        checkpoint = attempts.newest_checkpoint(session, trial.id)
    assert checkpoint is not None
    assert checkpoint.path == f"{first.folder}/step-0004.json"
    assert "training dense from step 0" in (tmp_path / "artifacts" / first.log_path).read_text()
    warm = bench.slot().process
    assert bench.wait_for_end(bench.place())[1].state == "complete"
    assert bench.slot().process == warm


@pytest.mark.parametrize(
    ("training", "attempt_state", "failure_class", "trial_state"),
    [
        ({"raise": "TypeError"}, "failed", "user", "failed"),
        ({"raise": "MemoryError"}, "failed", "out_of_memory", "failed"),
        ({"raise": "OSError"}, "lost", "infrastructure", "waiting"),
        ({"nan_above": 0.0}, "failed", "diverged", "failed"),
    ],
)
def test_failures_have_a_class_and_a_sentence(
    bench: Bench, training: dict[str, object], attempt_state: str, failure_class: str, trial_state: str
) -> None:
    attempt, trial = bench.wait_for_end(bench.place(**training))
    assert (attempt.state, attempt.failure_class, trial.state) == (attempt_state, failure_class, trial_state)
    assert attempt.message


def test_kill_frees_the_slot_within_five_seconds_grandchildren_included(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "grandchild"
    order = bench.place(steps=1000, deaf=True, grandchild=str(file))
    wait_until(lambda: file.exists() and bool(file.read_text()))
    grandchild = int(file.read_text())
    started_at = time.monotonic()
    bench.engine.kill([order.attempt_id])
    assert bench.engine.alive() == frozenset()
    assert time.monotonic() - started_at < 5.0
    assert not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE
    assert bench.wait_for_end(bench.place())[1].state == "complete"  # the slot has a new child


def test_a_dead_child_is_noticed_at_once_and_replaced(bench: Bench) -> None:
    order = bench.place(steps=1000)
    pid = next(c.pid for c in psutil.Process().children() if "worker.child" in c.cmdline())
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not bench.engine.alive()) < 1.0
    assert bench.rows(order)[0].state == "running"  # its row is the scheduler's to end
    assert not bench.slot().process.startswith(f"{pid}@")


def test_a_fenced_attempt_stops_and_leaves_its_row_alone(bench: Bench) -> None:
    order = bench.place(steps=1000)
    with bench.database.write() as session:
        attempts.lose(session, order.attempt_id, "taken for dead")
    assert wait_until(lambda: not bench.engine.alive()) < 4.0
    attempt, trial = bench.rows(order)
    assert (attempt.state, attempt.message, trial.state) == ("lost", "taken for dead", "waiting")


def test_an_attempt_that_is_asked_to_stop_ends_within_three_seconds(bench: Bench) -> None:
    order = bench.place(steps=1000)
    with bench.database.write() as session:
        verbs.cancel(session, order.folder.partition("/")[0])
    assert wait_until(lambda: not bench.engine.alive()) < 3.0
    attempt, trial = bench.rows(order)
    assert (attempt.state, trial.state) == ("cancelled", "cancelled")


def test_handing_back_saves_a_checkpoint_and_counts_as_no_loss(bench: Bench) -> None:
    order = bench.place(steps=1001)
    bench.engine.hand_back()
    attempt, trial = bench.wait_for_end(order)
    assert (attempt.state, attempt.failure_class, trial.state) == ("lost", "", "waiting")
    with bench.database.read() as session:
        assert attempts.newest_checkpoint(session, trial.id) is not None


def test_an_occupied_slot_is_not_given_away(bench: Bench) -> None:
    slot = bench.slot()
    assert bench.engine.can([slot.name]) is None
    assert bench.engine.can(["elsewhere/cpu:7"]) is None  # this host had more slots once: any one of ours is taken
