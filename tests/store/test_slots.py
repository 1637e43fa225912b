"""Slots that lose everything, and the pause they get."""

import re

import pytest
from sqlalchemy import event, insert, text, update
from sqlalchemy.orm import Session

from store import attempts, clock, events, slots
from store.sessions import Database
from store.tables import Attempt, Job
from tests.store.samples import RESULT, claimed, running, started, waiting


def lose(session: Session, job: Job, number: int, times: int = 1) -> None:
    """So many attempts of a trial, lost."""
    trial = waiting(session, job, number)
    for _ in range(times):
        attempts.lose(session, started(session, job, trial).id, f"Loss of trial {number}.")


def test_three_losses_of_two_trials_in_a_row_quarantine_a_slot(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        lose(session, job, 0, 2)
        assert slots.quarantined(session) == []
        lose(session, job, 1)
        (found,) = slots.quarantined(session)
        assert (found.slot, found.message) == ("here/cpu:0", "Loss of trial 1.")
        assert found.until_s == pytest.approx(clock.now_s(session) + 60.0, abs=5.0)
        told = events.after(session, job.id, 0, 99)[-1]
        assert (told.kind, told.payload["slot"]) == ("slot.quarantined", "here/cpu:0")
        assert slots.quarantined(session, "here/cpu:1") == []


def test_one_trial_that_kills_its_process_is_not_the_slots_fault(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        lose(session, job, 0, 4)
        assert slots.quarantined(session) == []


def test_each_further_loss_doubles_the_pause_up_to_an_hour_and_a_success_ends_it(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        for number, pause_s in enumerate((None, None, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3600.0, 3600.0)):
            lose(session, job, number)
            found = slots.quarantined(session)
            assert [pytest.approx(q.until_s - clock.now_s(session), abs=5.0) for q in found] == (
                [] if pause_s is None else [pause_s]
            )
        session.execute(update(Attempt).values(ended_at_s=Attempt.ended_at_s - 3601.0))
        assert slots.quarantined(session) == []
        attempt = started(session, job, waiting(session, job, 20))
        attempts.finish(session, attempt.id, attempt.token, RESULT)
        lose(session, job, 21)
        assert slots.quarantined(session) == []


def test_slots_of_a_job_are_counted(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        assert slots.count_of(session, job.id) == 0
        lose(session, job, 0, 2)
        assert slots.count_of(session, job.id) == 1


def test_the_lost_among_many_attempts_are_found_by_an_index(database: Database) -> None:
    with database.write() as session:
        _, _, attempt = running(session)
        values = {c.key: getattr(attempt, c.key) for c in Attempt.__table__.columns if c.key != "id"}
        values |= {"state": "finished", "ended_at_s": 2e9, "environment": {}}
        many = [values | {"number": number, "slot": f"here/cuda:{number % 8}"} for number in range(2, 2000)]
        session.execute(insert(Attempt), many)
    seen: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: seen.append(str(given[2])))
    with database.read() as session:
        assert slots.quarantined(session) == []
    (suspects,) = [sql for sql in seen if "DISTINCT" in sql]
    assert "'lost'" in suspects
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        explain = "EXPLAIN QUERY PLAN " if database.engine.dialect.name == "sqlite" else "EXPLAIN "
        connection.execute(text("ANALYZE attempt"))
        literal = re.sub(r"ended_at_s > .*", "ended_at_s > 1.0", suspects, flags=re.DOTALL)
        plan = "\n".join(str(row[-1]) for row in connection.execute(text(explain + literal)))
    assert "ix_attempt_lost" in plan, plan
