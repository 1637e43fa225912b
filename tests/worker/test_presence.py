"""A worker's row: made when it begins, renewed while it lives, closed when it ends."""

from pathlib import Path
from threading import Event

from store import archive, workers
from store.sessions import Database
from tests.store.test_archive import over
from tests.worker.test_scheduler import IdleEngine
from worker.presence import Presence
from worker.retention import tidy_ended
from worker.scheduler import Scheduler


def test_it_is_told_once_in_a_third_of_the_lease(database: Database) -> None:
    at_s = 100.0
    presence = Presence(database, engine="local", slots=("here/cpu:0",), lease_ttl_s=30.0, clock_s=lambda: at_s)
    times = []
    for step_s in (0.0, 9.0, 2.0):
        at_s += step_s
        presence.tell("w")
        with database.read() as session:
            (found,) = workers.page(session, limit=9)
            times.append(found.row.seen_at_s)
    assert times[0] == times[1] < times[2]
    assert (found.alive, found.row.slots, found.row.lease_ttl_s) == (True, ["here/cpu:0"], 30.0)
    assert {"python", "torch", "sparseift"} <= found.row.versions.keys()
    presence.leave("w")
    with database.read() as session:
        assert workers.counts(session) == {"alive": 0, "stopped": 1, "lost": 0}


def test_a_scheduler_comes_and_goes(database: Database, tmp_path: Path) -> None:
    presence = Presence(database, engine="local", slots=(), lease_ttl_s=60.0)
    scheduler = Scheduler(
        database, IdleEngine(), lease_ttl_s=60.0, stop=Event(), artifacts=tmp_path, until_idle=True, presence=presence
    )
    scheduler.serve()
    with database.read() as session:
        (found,) = workers.page(session, limit=9)
    assert (found.row.name, found.alive) == (scheduler.name, False)
    assert found.row.stopped_at_s is not None


def test_the_files_of_a_deleted_job_go_and_no_others(database: Database, tmp_path: Path) -> None:
    gone, kept = over(database), over(database)
    for job_id in (gone, kept):
        (tmp_path / job_id / "0").mkdir(parents=True)
        (tmp_path / job_id / "0" / "attempt.log").write_text("")
    with database.write() as session:
        archive.remove(session, gone)
    tidy_ended(database, tmp_path)
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == [kept]
    (tmp_path / gone).mkdir()  # a process that was cut off has written once more
    tidy_ended(database, tmp_path)
    assert not (tmp_path / gone).exists()
