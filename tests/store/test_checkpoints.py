"""Checkpoints: which one a next attempt goes on from."""

from store import attempts
from store.sessions import Database
from tests.store.samples import running, started, waiting


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
