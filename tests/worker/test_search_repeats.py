"""The same job with one slot, run twice by whole schedulers: the same proposals, trials and metrics."""

from collections.abc import Collection
from pathlib import Path
from threading import Event

import pytest

from sparseift.records import Budget
from store import trials
from store.sessions import Database
from tests.worker.fakes import make_spec, run, submit
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
        return None if occupied else Slot("here/cpu:0", "", 1)

    def place(self, slot: Slot, order: Order) -> None:
        assert slot.name == "here/cpu:0"
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
        ends = [t.ended_at_s for t in trials.all_of(session, first) if t.state == "complete"]
    assert told[0] == told[1]
    assert len(told[0]) == 2 + 2 + 10 + 4
    assert ends == sorted(ends)
