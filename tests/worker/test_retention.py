"""Which checkpoints stay on disk when a trial has ended."""

from pathlib import Path

import pytest

from store import attempts
from store.checkpoints import superseded
from store.sessions import Database
from tests.store.samples import RESULT, running, started, waiting
from worker.retention import BATCH, tidy


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_all_but_the_newest_of_an_ended_trial_go(database: Database, tmp_path: Path) -> None:
    def make(path: str) -> None:
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "state.json").write_text("{}")

    with database.write() as session:
        job, _, attempt = running(session)
        other = started(session, job, waiting(session, job, 1))
        for step in (10, 20, 30):
            attempts.saved_checkpoint(session, attempt.id, attempt.token, step, f"a/step-{step}")
            attempts.saved_checkpoint(session, other.id, other.token, step, f"b/step-{step}")
        attempts.finish(session, attempt.id, attempt.token, RESULT)
        job_id = job.id
    for path in ("a/step-20", "a/step-30", "b/step-20", "b/step-30"):  # the run itself has deleted step 10
        make(path)
    (tmp_path / "a" / "attempt.log").write_text("")

    for _ in range(2):
        tidy(database, tmp_path, job_id)
        assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["attempt.log", "step-30"]
        assert sorted(p.name for p in (tmp_path / "b").iterdir()) == ["step-20", "step-30"]  # it runs
        with database.read() as session:
            assert superseded(session, job_id, limit=BATCH) == []
            newest = attempts.newest_checkpoint(session, attempt.trial_id)
            assert newest is not None
            assert newest.path == "a/step-30"
