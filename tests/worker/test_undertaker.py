"""How attempts of an earlier worker end, here and where only the engine reaches."""

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Collection

import pytest

from store.sessions import Database
from store.tables import Attempt
from tests.worker.conftest import wait_until
from tests.worker.test_scheduler import IdleEngine, leave_an_attempt
from worker import undertaker
from worker.processes import identity
from worker.undertaker import Undertaker

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HERE = platform.node()


class ReachingEngine(IdleEngine):
    """An engine that ends attempts on any machine of its own."""

    def __init__(self, reach: Collection[int]) -> None:
        super().__init__()
        self.reach = reach

    def kill(self, attempt_ids: Collection[int]) -> frozenset[int]:
        super().kill(attempt_ids)
        return frozenset(self.reach) & frozenset(attempt_ids)


def of(database: Database, engine: IdleEngine) -> Undertaker:
    return Undertaker(database, engine, worker="me", lease_ttl_s=60.0, attempt_limit_s=None)


def row(database: Database, attempt_id: int) -> Attempt:
    with database.read() as session:
        return session.get_one(Attempt, attempt_id)


def test_an_earlier_attempt_elsewhere_is_the_engines_to_end(database: Database) -> None:
    attempt_id = leave_an_attempt(database, slot="elsewhere/cpu:0", process="1@1.0", ttl_s=60.0)
    attempt = row(database, attempt_id)
    assert not of(database, IdleEngine()).end_process(attempt)  # an engine of one machine does not reach it
    engine = ReachingEngine([attempt_id])
    assert of(database, engine).end_process(attempt)
    assert engine.killed == [attempt_id]


def test_an_earlier_attempt_here_is_ended_by_its_process_where_the_engine_does_not_know_it(database: Database) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as process:
        attempt_id = leave_an_attempt(database, slot=f"{HERE}/cpu:0", process=identity(process.pid), ttl_s=60.0)
        assert of(database, IdleEngine()).end_process(row(database, attempt_id))
        assert process.wait(timeout=5.0) < 0
    assert of(database, IdleEngine()).end_process(row(database, attempt_id))  # it is gone


def test_who_ignores_a_stop_elsewhere_is_ended_only_where_it_is_reached(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undertaker, "STOP_LIMIT_S", 0.0)
    attempt_id = leave_an_attempt(database, slot="elsewhere/cpu:0", process=f"{os.getpid()}@1.0", ttl_s=60.0)
    with database.write() as session:
        session.get_one(Attempt, attempt_id).stop = "hand_back"
    attempt = row(database, attempt_id)

    judge = of(database, ReachingEngine([]))
    assert [judge.bury(attempt, frozenset(), set(), attempt.started_at_s) for _ in range(3)] == [False] * 3
    assert row(database, attempt_id).state == "running"
    judge = of(database, ReachingEngine([attempt_id]))
    wait_until(lambda: judge.bury(attempt, frozenset(), set(), attempt.started_at_s))
    assert row(database, attempt_id).state == "handed_back"


def test_one_of_ours_that_lives_and_is_frozen_is_ended_once_its_lease_is_long_over(database: Database) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as process:
        attempt_id = leave_an_attempt(database, slot=f"{HERE}/cpu:0", process=identity(process.pid), ttl_s=60.0)
        process.send_signal(signal.SIGSTOP)
        attempt = row(database, attempt_id)
        judge = Undertaker(
            database, ReachingEngine([attempt_id]), worker="earlier", lease_ttl_s=0.6, attempt_limit_s=None
        )
        alive, now_s = frozenset({attempt_id}), attempt.started_at_s
        assert not judge.bury(attempt, alive, set(), now_s)
        assert not judge.bury(attempt, alive, {attempt_id}, now_s)  # the database was there for less than one TTL
        wait_until(lambda: judge.bury(attempt, alive, {attempt_id}, now_s))
        assert process.wait(timeout=5.0) < 0
    found = row(database, attempt_id)
    assert (found.state, found.failure_class) == ("lost", "infrastructure")
    assert "hangs" in found.message


def test_no_leap_of_the_databases_clock_makes_one_of_ours_late(database: Database) -> None:
    attempt_id = leave_an_attempt(database, slot=f"{HERE}/cpu:0", process=identity(os.getpid()), ttl_s=60.0)
    attempt, alive = row(database, attempt_id), frozenset({attempt_id})
    judge = Undertaker(database, IdleEngine(), worker="earlier", lease_ttl_s=0.0, attempt_limit_s=3600.0)
    assert not judge.bury(attempt, alive, set(), attempt.started_at_s)
    assert not judge.bury(attempt, alive, set(), attempt.started_at_s + 86_400.0)


def test_a_process_in_another_container_of_this_name_is_judged_by_its_lease_alone(database: Database) -> None:
    pid, _, start = identity(os.getpid()).partition("@")
    boot, separator, ticks = start.partition(":")
    if not separator:
        pytest.skip("This system has no PID namespaces.")
    elsewhere = f"{pid}@{boot}:1/{ticks.partition('/')[2]}"
    attempt_id = leave_an_attempt(database, slot=f"{HERE}/cpu:0", process=elsewhere, ttl_s=60.0)
    attempt = row(database, attempt_id)
    judge = of(database, IdleEngine())
    assert not judge.bury(attempt, frozenset(), set(), attempt.started_at_s)
    assert not judge.end_process(attempt)  # it is told by its row
