"""The database's clock."""

import time

import pytest

from store import clock
from store.sessions import Database


def test_it_agrees_with_this_host_here(database: Database) -> None:
    with database.read() as session:
        assert clock.now_s(session) == pytest.approx(time.time(), abs=5)


def test_it_goes_on_within_a_transaction(database: Database) -> None:
    with database.write() as session:
        before = clock.now_s(session)
        time.sleep(0.05)
        assert 0.03 < clock.now_s(session) - before < 5
