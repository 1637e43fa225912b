"""An engine with a job's trials placed by hand, as the scheduler would."""

import time
from collections.abc import Callable

import psutil
from sqlalchemy import update

from sparseift.records import Configuration, TrialSpec
from store import attempts, jobs, trials
from store.sessions import Database
from store.tables import Attempt, Trial
from tests.worker.conftest import wait_until
from tests.worker.fakes import make_plan, make_spec, submit
from worker.engine import Engine, Slot
from worker.order import Order, Setting

TTL_S = 30.0
Factory = Callable[[Setting], Engine]


class Bench:
    """One engine on one database.

    Args:
        factory: makes the engine, and a second one where a test restarts it.
    """

    def __init__(self, database: Database, factory: Factory, setting: Setting) -> None:
        self.database, self.setting = database, setting
        self._factory = factory
        self.engine = factory(setting)
        self._orders: list[Order] = []

    def slot(self, limit_s: float = 30.0) -> Slot:
        """A free slot, waited for."""
        found: list[Slot] = []

        def free() -> bool:
            slot = self.engine.can(())
            found.extend([slot] if slot is not None else [])
            return slot is not None

        wait_until(free, limit_s)
        return found[0]

    def place(self, slot: Slot | None = None, **training: object) -> Order:
        """Start an attempt of a new job's baseline with this `training`."""
        slot, spec = slot or self.slot(), make_spec(training)
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
            attempts.set_process(session, attempt.id, attempt.token, slot.process)
        trial_spec = TrialSpec(
            spec.model, spec.dataset, spec.training, Configuration("dense"), "model", "default", 1, True
        )
        order = Order(attempt.id, attempt.token, trial_spec, f"{job_id}/0-{attempt.token[:8]}", None)
        self.engine.place(slot, order)
        assert attempt.id in self.engine.alive()
        self._orders.append(order)
        return order

    def rows(self, order: Order) -> tuple[Attempt, Trial]:
        """The attempt and its trial, as they are now."""
        with self.database.read() as session:
            attempt = session.get_one(Attempt, order.attempt_id)
            return attempt, session.get_one(Trial, attempt.trial_id)

    def wait_for_end(self, order: Order) -> tuple[Attempt, Trial]:
        """The rows once the engine no longer names the attempt."""
        wait_until(lambda: order.attempt_id not in self.engine.alive())
        return self.rows(order)

    def process(self, order: Order) -> psutil.Process:
        """Of the attempt, by its row."""
        wait_until(lambda: bool(self.rows(order)[0].process))
        return psutil.Process(int(self.rows(order)[0].process.partition("@")[0]))

    def ask_to_stop(self, order: Order) -> None:
        """As a user's wish to cancel does."""
        with self.database.write() as session:
            session.execute(update(Attempt).where(Attempt.id == order.attempt_id).values(stop="hand_back"))

    def restart(self) -> None:
        """Another engine in the place of this one, which is closed."""
        self.engine.close()
        self.engine = self._factory(self.setting)

    def end(self) -> None:
        """Leave nothing behind."""
        self.engine.kill(self.engine.alive())
        self.engine.close()


def gone(pid: int, limit_s: float = 5.0) -> bool:
    """Whether a process has ended within the limit."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False
