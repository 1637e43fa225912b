"""Which checkpoints stay on disk, and that nothing half written does."""

from dataclasses import replace
from pathlib import Path

import pytest

from store import attempts, jobs, verbs
from store.checkpoints import losers, paths_of
from store.sessions import Database
from store.tables import Attempt
from tests.store.samples import PLAN, RESULT, SPEC, claimed, running, started, waiting
from worker.retention import BATCH, tidy, tidy_ended

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def make(folder: Path, path: str) -> None:
    (folder / path).mkdir(parents=True)
    (folder / path / "state.json").write_text("{}")


def test_all_but_the_newest_of_an_ended_trial_go(database: Database, tmp_path: Path) -> None:
    with database.write() as session:
        job, _, attempt = running(session)
        other = started(session, job, waiting(session, job, 1))
        for step in (10, 20, 30):
            attempts.saved_checkpoint(session, attempt.id, attempt.token, step, f"a/step-{step}")
            attempts.saved_checkpoint(session, other.id, other.token, step, f"b/step-{step}")
        attempts.finish(session, attempt.id, attempt.token, RESULT)
        job_id = job.id
    for path in ("a/step-20", "a/step-30", "b/step-20", "b/step-30"):  # the run itself has deleted step 10
        make(tmp_path, path)
    (tmp_path / "a" / "attempt.log").write_text("")

    for _ in range(2):
        tidy(database, tmp_path, job_id)
        assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["attempt.log", "step-30"]
        assert sorted(p.name for p in (tmp_path / "b").iterdir()) == ["step-20", "step-30"]  # it runs
        with database.read() as session:
            assert losers(session, job_id, limit=BATCH) == []
            newest = attempts.newest_checkpoint(session, attempt.trial_id)
            assert newest is not None
            assert newest.path == "a/step-30"


@pytest.mark.parametrize(("direction", "best"), [("maximize", 3), ("minimize", 1)])
def test_losers_go_and_winners_stay(database: Database, tmp_path: Path, direction: str, best: int) -> None:
    plan = replace(PLAN, metric=replace(PLAN.metric, direction=direction))
    with database.write() as session:
        jobs.create(session, SPEC, plan)
        job = jobs.claim(session, "w", 60.0)
        assert job is not None
        kinds = ["baseline", "search", "search", "search", "search", "confirm", "confirm"]
        for number, kind in enumerate(kinds):
            attempt = started(session, job, waiting(session, job, number, kind=kind))
            attempts.saved_checkpoint(session, attempt.id, attempt.token, 10, f"{number}/step-10")
            make(tmp_path, f"{number}/step-10")
            if number in (4, 6):
                attempts.fail(session, attempt.id, attempt.token, "diverged", "nan")
            else:
                attempts.finish(session, attempt.id, attempt.token, replace(RESULT, value=float(number)))
    tidy(database, tmp_path, job.id)
    kept = {f"{n}/step-10" for n in (0, best, 5)}
    with database.read() as session:
        assert paths_of(session, job.id) == kept
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.glob("*/step-10")} == kept


def begun(database: Database) -> tuple[str, Attempt, Attempt]:
    """Two running trials of a job; the first one's attempt has saved step 10."""
    with database.write() as session:
        job, _ = claimed(session)
        first, second = (
            attempts.start(
                session,
                waiting(session, job, number).id,
                job_token=job.lease_token or "",
                worker="w",
                slot=f"here/cpu:{number}",
                ttl_s=60.0,
                environment={},
                log_path=f"{job.id}/{number}/attempt.log",
            )
            for number in range(2)
        )
        attempts.saved_checkpoint(session, first.id, first.token, 10, f"{job.id}/0/step-10")
        return job.id, first, second


def test_what_killed_writers_left_goes_and_running_ones_are_left_alone(database: Database, tmp_path: Path) -> None:
    job_id, first, _ = begun(database)
    for number in range(2):
        for name in ("step-10", "step-20", ".step-30.4711", ".step-10.4711.old"):
            make(tmp_path, f"{job_id}/{number}/{name}")
        (tmp_path / job_id / f"{number}" / "attempt.log").write_text("")
    with database.write() as session:
        attempts.lose(session, first.id, "Killed.")
    tidy(database, tmp_path, job_id)
    assert sorted(p.name for p in (tmp_path / job_id / "0").iterdir()) == ["attempt.log", "step-10"]
    assert len(list((tmp_path / job_id / "1").iterdir())) == 5


def test_a_job_that_ended_without_a_worker_is_put_in_order_once(database: Database, tmp_path: Path) -> None:
    job_id, first, second = begun(database)
    make(tmp_path, f"{job_id}/0/step-10")
    with database.write() as session:
        verbs.cancel(session, job_id)
        for attempt in (first, second):
            attempts.cancel(session, attempt.id)
        jobs.finish(session, job_id, jobs.get(session, job_id).lease_token or "", "cancelled", "cancelled", "")
    tidy_ended(database, tmp_path)
    assert list((tmp_path / job_id / "0").iterdir()) == []
    make(tmp_path, f"{job_id}/0/step-10")
    tidy_ended(database, tmp_path)
    assert (tmp_path / job_id / "0" / "step-10").exists()
    with database.read() as session:
        assert jobs.untidied(session, 10) == []
