"""Whole schedulers with one slot: equal jobs come out equal, and a job ends whatever becomes of the slot."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import select

from sparseift.records import Budget
from store import jobs, trials
from store.sessions import Database
from store.tables import Attempt
from tests.worker.fakes import make_spec, run, submit
from worker import scheduler
from worker.attempt import execute
from worker.engine import Death, Slot
from worker.order import Order, Setting
from worker.scheduler import Scheduler


class HereEngine:
    """One slot, in this process: every attempt runs to its end when it is placed."""

    def __init__(self, database: Database, setting: Setting) -> None:
        self.database, self.setting = database, setting

    def can(self, occupied: Collection[str], key: str = "") -> Slot | None:
        del key
        return None if occupied else Slot("here/cuda:0/0", "", 1, 0.25)

    def place(self, slot: Slot, order: Order) -> None:
        assert slot.name == "here/cuda:0/0"
        execute(order, self.setting, self.database, run, Event())

    def alive(self) -> frozenset[int]:
        return frozenset()

    def death(self, attempt_id: int) -> Death | None:
        raise AssertionError(f"attempt {attempt_id} died")

    def kill(self, attempt_ids: Collection[int]) -> frozenset[int]:
        assert not attempt_ids
        return frozenset()

    def hand_back(self) -> None:
        return

    def close(self) -> None:
        return


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_equal_jobs_give_equal_trials_in_order(database: Database, database_url: str, tmp_path: Path) -> None:
    training = {"steps": 1, "step_s": 0.0}
    first, second = (submit(database, make_spec(training, budget=Budget(10, 2), in_flight=1)) for _ in range(2))
    setting = Setting(database_url, str(tmp_path), str(tmp_path), "cpu", 1, lease_ttl_s=60.0)
    engine = HereEngine(database, setting)
    Scheduler(database, engine, lease_ttl_s=60.0, stop=Event(), artifacts=tmp_path, until_idle=True).serve()
    with database.read() as session:
        told = [
            [
                (t.number, t.kind, t.configuration, t.seed, t.state, t.value, t.test_value)
                for t in trials.all_of(session, j)
            ]
            for j in (first, second)
        ]
        shares = session.scalars(select(Attempt.environment["device_share"].as_float())).all()
        ends = [t.ended_at_s for t in trials.all_of(session, first) if t.state == "complete"]
    assert told[0] == told[1]
    assert len(told[0]) == 2 + 2 + 10 + 4
    assert ends == sorted(ends)
    assert set(shares) == {0.25}  # by which the budget's device-hours count


class BreakingEngine(HereEngine):
    """Its slot is gone after some attempts."""

    def __init__(self, database: Database, setting: Setting, lasts: int) -> None:
        super().__init__(database, setting)
        self.lasts = lasts

    def can(self, occupied: Collection[str], key: str = "") -> Slot | None:
        return super().can(occupied, key) if self.lasts else None

    def place(self, slot: Slot, order: Order) -> None:
        self.lasts -= 1
        super().place(slot, order)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_job_with_nothing_left_to_run_ends_without_a_slot(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    job_id = submit(database, make_spec({"steps": 1, "step_s": 0.0}, budget=Budget(1, 0), in_flight=1))
    setting = Setting(database_url, str(tmp_path), str(tmp_path), "cpu", 1, lease_ttl_s=60.0)
    engine = BreakingEngine(database, setting, lasts=2)  # the baseline and the search
    Scheduler(database, engine, lease_ttl_s=60.0, stop=Event(), artifacts=tmp_path, until_idle=True).serve()
    with database.read() as session:
        assert jobs.get(session, job_id).state == "succeeded"


class TroubledEngine(HereEngine):
    """It raises what nobody expects."""

    def alive(self) -> frozenset[int]:
        raise KeyError("of the engine")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_job_that_cannot_be_read_and_one_that_cannot_be_driven_fail_and_the_worker_goes_on(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "TROUBLES", 2)
    setting = Setting(database_url, str(tmp_path), str(tmp_path), "cpu", 1, lease_ttl_s=60.0)
    spec = make_spec({"steps": 1, "step_s": 0.0}, budget=Budget(1, 0), in_flight=1)
    strange, fine = submit(database, spec), submit(database, spec)
    with database.write() as session:
        job = jobs.get(session, strange)
        job.spec = {**job.spec, "of_a_later_version": 1}
    engine = HereEngine(database, setting)
    Scheduler(database, engine, lease_ttl_s=60.0, stop=Event(), artifacts=tmp_path, until_idle=True).serve()
    with database.read() as session:
        assert jobs.get(session, fine).state == "succeeded"
        found = jobs.get(session, strange)
        assert (found.state, found.reason, found.lease_token) == ("failed", "unreadable", None)
        assert "of_a_later_version" in found.message
    hopeless = submit(database, spec)
    troubled = TroubledEngine(database, setting)
    worker = Scheduler(database, troubled, lease_ttl_s=60.0, stop=Event(), artifacts=tmp_path, until_idle=True)
    with suppress(KeyError):  # that engine cannot be closed in good order either
        worker.serve()
    with database.read() as session:
        found = jobs.get(session, hopeless)
        assert (found.state, found.reason) == ("failed", "worker_failed")
        assert "KeyError: 'of the engine'" in found.message
