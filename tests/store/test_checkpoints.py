"""Checkpoints: which one a next attempt goes on from."""

from store import attempts, checkpoints
from store.sessions import Database
from tests.store.samples import RESULT, running, started, waiting


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
