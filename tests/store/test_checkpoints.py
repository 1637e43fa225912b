"""Checkpoints: which one a next attempt goes on from."""

import pytest

from store import attempts, checkpoints, jobs, verbs
from store.sessions import Database
from tests.store.samples import RESULT, TTL_S, running, started, waiting


def test_the_newest_checkpoint_is_the_one_with_the_most_steps(database: Database) -> None:
    with database.write() as session:
        job, trial, first = running(session)
        assert attempts.newest_checkpoint(session, trial.id) is None
        attempts.saved_checkpoint(session, first.id, first.token, 50, "a/50")
        attempts.saved_checkpoint(session, first.id, first.token, 100, "a/100")
        attempts.lose(session, first.id, "Gone.")
        second = started(session, job, trial)
        found = attempts.newest_checkpoint(session, trial.id)
        assert found is not None
        assert (found.step, found.path, found.attempt_id) == (100, "a/100", first.id)
        attempts.saved_checkpoint(session, second.id, second.token, 100, "b/100")
        found = attempts.newest_checkpoint(session, trial.id)
        assert found is not None
        assert (found.path, found.attempt_id) == ("b/100", second.id)
        other = waiting(session, job, 1)
        assert attempts.newest_checkpoint(session, other.id) is None


def test_a_checkpoint_told_twice_is_one_and_no_loser(database: Database) -> None:
    with database.write() as session:
        job, trial, first = running(session)
        for _ in range(2):  # the database's answer was lost on its way
            attempts.saved_checkpoint(session, first.id, first.token, 50, "a/50")
        attempts.finish(session, first.id, first.token, RESULT)
        assert checkpoints.losers(session, job.id, limit=9) == []
        assert [row.path for row in checkpoints.of_trial(session, trial.id)] == ["a/50"]


def test_a_winners_older_checkpoints_are_losers_too(database: Database) -> None:
    with database.write() as session:
        job, trial, first = running(session)
        attempts.saved_checkpoint(session, first.id, first.token, 50, "a/50")
        attempts.saved_checkpoint(session, first.id, first.token, 100, "a/100")
        assert checkpoints.losers(session, job.id, limit=9) == []  # it may yet be resumed from the older one
        attempts.lose(session, first.id, "Gone.")
        second = started(session, job, trial)
        attempts.saved_checkpoint(session, second.id, second.token, 100, "b/100")
        other = started(session, job, waiting(session, job, 1))
        attempts.saved_checkpoint(session, other.id, other.token, 50, "c/50")
        attempts.finish(session, second.id, second.token, RESULT)
        found = checkpoints.losers(session, job.id, limit=9)
        assert [row.path for row in found] == ["a/50", "a/100"]
        assert [row.path for row in checkpoints.losers(session, job.id, limit=1)] == ["a/50"]
        for _ in range(2):
            checkpoints.forget(session, [row.id for row in found])
        assert checkpoints.losers(session, job.id, limit=9) == []
        assert [attempts.newest_checkpoint(session, t).path for t in (trial.id, other.trial_id)] == ["b/100", "c/50"]  # type: ignore[union-attr]


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_trial_that_an_extension_would_wake_keeps_where_it_was(database: Database, is_cancelled: bool) -> None:
    """A stopped job can be extended, and its trials then wait again; one that was cancelled cannot."""
    with database.write() as session:
        job, trial, attempt = running(session)
        attempts.saved_checkpoint(session, attempt.id, attempt.token, 50, "a/50")
        attempts.saved_checkpoint(session, attempt.id, attempt.token, 60, "a/60")
        verbs.stop(session, job.id, "stop")
        attempts.stopped(session, attempt.id, attempt.token)
        assert [row.path for row in checkpoints.losers(session, job.id, limit=9)] == ["a/50"]
        if is_cancelled:
            verbs.cancel(session, job.id)
            assert [row.path for row in checkpoints.losers(session, job.id, limit=9)] == ["a/50", "a/60"]
        state = "cancelled" if is_cancelled else "succeeded"
        jobs.finish(session, job.id, job.lease_token or "", state, "stopped", "As asked.")
        gone = checkpoints.losers(session, job.id, limit=9)
        assert [row.path for row in gone] == (["a/50", "a/60"] if is_cancelled else ["a/50"])
        checkpoints.forget(session, [row.id for row in gone])
        if is_cancelled:
            return
        verbs.extend(session, job.id, {"search_trials": 9})
        again = jobs.claim(session, "w", TTL_S)
        assert again is not None
        second = started(session, again, trial)
        resumed = attempts.newest_checkpoint(session, trial.id)
        assert resumed is not None
        assert (resumed.path, second.number) == ("a/60", 2)
