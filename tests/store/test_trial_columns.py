"""Trials as columns, whole and by what has changed, and a job's newest attempts."""

from store import attempts, overview, trial_columns
from store.sessions import Database
from tests.service import history


def test_columns_are_the_trials_and_later_what_has_changed(database: Database) -> None:
    with database.write() as session:
        job = history.half_done(session)
    with database.read() as session:
        last = overview.last_event(session, job.id)
        assert trial_columns.changed(session, job.id, 0) is None
        assert trial_columns.changed(session, job.id, last) == []
        whole = trial_columns.read(session, job.id, None)
        nothing = trial_columns.read(session, job.id, [])
    assert tuple(whole) == trial_columns.NAMES
    assert whole["number"] == [0, 1, 2, 3, 4, 5, 6]
    assert whole["state"] == [
        *("infeasible", "complete", "complete", "complete", "complete", "failed", "running"),
    ]
    assert whole["method"][1:4] == [None, None, "rigl"]
    assert {len(values) for values in whole.values()} == {7}
    assert nothing["number"] == []

    with database.write() as session:
        history.completed(session, job, 7, value=91.9, seed=9)
    with database.read() as session:
        numbers = trial_columns.changed(session, job.id, last)
        assert numbers == [7]
        changed = trial_columns.read(session, job.id, numbers)
        assert trial_columns.changed(session, "job_0", last) == []
    assert (changed["number"], changed["value"]) == ([7], [91.9])


def test_where_nearly_all_has_changed_all_is_read(database: Database) -> None:
    with database.write() as session:
        job = history.half_done(session)
        first = overview.last_event(session, job.id)
        for i in range(trial_columns.MOST_CHANGED // 3 + 1):
            history.begun(session, job, 7 + i, seed=10 + i)
            history.completed(session, job, 1007 + i, seed=10 + i)
    with database.read() as session:
        assert trial_columns.changed(session, job.id, first) is None


def test_the_newest_attempts_are_told_oldest_first(database: Database) -> None:
    with database.write() as session:
        job = history.half_done(session)
        lost = history.begun(session, job, 7)
        attempts.lose(session, lost.id, "gone", token=lost.token)
    with database.read() as session:
        found = trial_columns.newest_attempts(session, job.id, 3)
        none = trial_columns.newest_attempts(session, "job_0", 3)
    assert tuple(found) == trial_columns.OF_ATTEMPT
    assert found["trial"] == [5, 6, 7]
    assert found["state"] == ["failed", "running", "lost"]
    assert found["trial_state"] == ["failed", "running", "waiting"]
    assert [end is None for end in found["ended_s"]] == [False, True, False]
    assert none == {name: [] for name in trial_columns.OF_ATTEMPT}
