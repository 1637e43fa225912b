"""The reaper's thread, and when it may judge."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from service.reaping import Grace, Reaping
from service.settings import Settings
from store import attempts
from store.sessions import Database
from tests.store import samples


class Clock:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


def test_nothing_is_judged_for_one_ttl_after_a_start_an_error_or_a_leap() -> None:
    clock = Clock()
    grace = Grace(60.0, 5.0, clock)

    def answers(seconds: int) -> list[bool]:
        found = []
        for _ in range(seconds // 5):
            clock.s += 5.0
            found.append(grace.is_over())
        return found

    assert answers(70) == [False] * 11 + [True] * 3
    grace.begin()
    assert answers(60) == [False] * 11 + [True]
    clock.s += 3600.0  # the machine slept: workers have not renewed either
    assert not grace.is_over()
    assert answers(60) == [False] * 11 + [True]
    clock.s -= 3600.0
    assert not grace.is_over()


def test_a_killed_workers_trial_waits_again_with_nobody_else_alive(database_url: str, database: Database) -> None:
    with database.write() as session:
        job, trial, _ = samples.running(session, ttl_s=0.2)
    settings = Settings(database_url, lease_ttl_s=0.2, reap_every_s=0.05)
    reaping = Reaping(settings, database)
    reaping.start()
    deadline = time.monotonic() + 10
    state = "running"
    while time.monotonic() < deadline and state == "running":
        time.sleep(0.05)
        with database.read() as session:
            state = samples.trials.get(session, job.id, trial.number).state
    reaping.stop()
    assert state == "waiting"
    with database.read() as session:
        assert attempts.running(session) == []


class Flaky(Database):
    """A database that is out of reach at first."""

    outages = 3

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Fails a few times."""
        if self.outages:
            self.outages -= 1
            with Database("sqlite:////nowhere/at/all.db").write() as session:
                yield session
        with super().write() as session:
            yield session


def test_an_outage_ends_neither_the_thread_nor_the_living(edge_url: str) -> None:
    database = Flaky(edge_url)
    reaping = Reaping(Settings(edge_url, lease_ttl_s=0.05, reap_every_s=0.02), database)
    reaping.start()
    deadline = time.monotonic() + 10
    while database.outages and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    reaping.stop()
    database.close()
    assert database.outages == 0
