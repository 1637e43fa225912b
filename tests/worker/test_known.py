"""What has ended is read once, and everything else anew."""

import pytest
from sqlalchemy import update

from store import attempts, trials, verbs
from store.sessions import Database
from store.tables import Trial
from tests.service import history
from tests.store.samples import RESULT, started, waiting
from worker.claim import row_of
from worker.known import KnownTrials


def test_what_is_known_is_always_what_is_stored(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    read = trials.all_of
    monkeypatch.setattr(trials, "all_of", lambda s, job, first=0: (asked.append(first), read(s, job, first))[1])
    known = KnownTrials()

    def look(job_id: str) -> list[str]:
        with database.read() as session:
            found = known.read(session, job_id)
            every = read(session, job_id)
        assert found.rows == [row_of(trial) for trial in every]
        assert found.messages == [trial.message for trial in every]
        assert [t.number for t in found.waiting] == [t.number for t in every if t.state == "waiting"]
        return [row.state for row in found.rows]

    with database.write() as session:
        job = history.claimed(session)
        history.completed(session, job, 0)
        second, third = waiting(session, job, 1), waiting(session, job, 2)
        begun, other = started(session, job, second), started(session, job, third)
    assert look(job.id) == ["complete", "running", "running"]
    with database.write() as session:
        attempts.finish(session, other.id, other.token, RESULT)  # out of order: the second one still runs
        attempts.lose(session, begun.id, "gone", token=begun.token)
    assert look(job.id) == ["complete", "waiting", "complete"]
    with database.write() as session:
        again = started(session, job, second)
        attempts.finish(session, again.id, again.token, RESULT)
    assert look(job.id) == look(job.id) == ["complete"] * 3
    assert asked == [0, 1, 1, 3]
    assert look("job_0") == []
    assert look(job.id) == ["complete"] * 3


def test_a_cancelled_trial_that_an_extension_brings_back_is_seen(database: Database) -> None:
    known = KnownTrials()

    def look(job_id: str) -> tuple[list[str], list[int]]:
        with database.read() as session:
            found = known.read(session, job_id)
        return [row.state for row in found.rows], [trial.number for trial in found.waiting]

    with database.write() as session:
        job = history.claimed(session)
        history.completed(session, job, 0)
        waiting(session, job, 1)
        history.completed(session, job, 2)
        session.execute(update(Trial).where(Trial.number == 1).values(state="cancelled"))
    assert look(job.id) == (["complete", "cancelled", "complete"], [])
    with database.write() as session:
        verbs.extend(session, job.id, {"search_trials": 50})
    assert look(job.id) == (["complete", "waiting", "complete"], [1])
