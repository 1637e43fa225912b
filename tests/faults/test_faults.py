"""Each fault kills real processes; the job must end with exactly its planned trials, each finished once, none running.

`python -m tests.faults` runs all of them and prints the recovery times; the whole suite runs each on one database and
leaves out those that are `LONG`.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import update

from sparseift.records import Budget, JobSpec
from store import attempts, migrate, verbs
from store.sessions import Database
from store.tables import Attempt, Job
from tests.faults.recovery import recovery
from tests.faults.servers import Service, cluster, small_disk
from tests.postgres import _free_port
from tests.worker.conftest import Workers, wait_until
from tests.worker.fakes import make_spec, submit
from tests.worker.test_worker import assert_is_undisturbed, attempts_of, job_of, running, trials_of
from worker.processes import end_groups, find

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.faults]

TTL_S = 3.0
LEASE = ("--lease-ttl-s", f"{TTL_S:g}")
SPEC = make_spec({"steps": 40, "step_s": 0.05}, budget=Budget(2, 1))  # six trials of 2 s
LONG = pytest.mark.faults(long=True)  # see conftest.py
postgresql_first = pytest.mark.parametrize(
    "database_url", ["postgresql", pytest.param("sqlite", marks=LONG)], indirect=True
)
sqlite_first = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgresql", marks=LONG)], indirect=True
)
LEAPING_CLOCK = Path(__file__).parent / "leaping_clock"


def assert_is_over(database: Database, job_id: str, spec: JobSpec = SPEC) -> None:
    wait_until(lambda: job_of(database, job_id).state not in ("queued", "running"), 120.0)
    assert_is_undisturbed(database, job_id, spec)
    assert running(database) == []


def at_work(database: Database, count: int = 2) -> Callable[[], bool]:
    return lambda: len(running(database)) == count


def in_the_search(database: Database, job_id: str) -> Callable[[], bool]:
    """Two attempts run, and one of them has come some way."""
    return lambda: len(running(database)) == 2 and any(t.state == "complete" for t in trials_of(database, job_id))


@postgresql_first
def test_a_child_is_killed(database: Database, workers: Workers) -> None:
    job_id = submit(database, SPEC)
    workers.start(*LEASE)
    wait_until(in_the_search(database, job_id))
    victim = running(database)[0]
    process = find(victim.process)
    assert process is not None
    process.kill()
    since = time.monotonic()
    wait_until(lambda: any(a.trial_id == victim.trial_id and a.number == 2 for a in attempts_of(database)))
    assert recovery("child killed", since) < 2 * TTL_S
    assert_is_over(database, job_id)


@sqlite_first
@pytest.mark.parametrize("with_children", [False, True], ids=["alone", "with its children"])
def test_a_worker_is_killed(database: Database, workers: Workers, with_children: bool) -> None:
    """Its children go on without it; where they die too (a machine switched off) their trials go on elsewhere."""
    job_id = submit(database, SPEC)
    first = workers.start(*LEASE)
    wait_until(in_the_search(database, job_id))
    owner = job_of(database, job_id).lease_owner
    workers.start(*LEASE)  # stands by
    children = [child.pid for child in psutil.Process(first.pid).children()]
    if with_children:
        for child in children:
            os.kill(child, signal.SIGSTOP)  # none ends between the look at them and the kill
    victims = {a.trial_id for a in running(database)}
    workers.kill(first)
    since = time.monotonic()
    if with_children:
        end_groups(children)

    def goes_on() -> bool:
        job = job_of(database, job_id)
        is_taken = job.lease_owner is not None and job.lease_owner != owner
        again = {a.trial_id for a in attempts_of(database) if a.number == 2}
        return is_taken and (not with_children or victims <= again)

    wait_until(goes_on)
    what = "worker and children killed" if with_children else "worker killed"
    assert recovery(what, since) < 2 * TTL_S
    assert_is_over(database, job_id)
    assert [a.state for a in attempts_of(database)].count("lost") == (len(victims) if with_children else 0)


@postgresql_first
def test_a_worker_dies_and_no_other_is_alive(database: Database, database_url: str, workers: Workers) -> None:
    """The service's reaper alone frees the job and its attempts; a user's cancel then ends it."""
    job_id = submit(database, SPEC)
    first = workers.start("--lease-ttl-s", "2")
    service = Service(database_url, _free_port())
    try:
        wait_until(at_work(database))
        children = [child.pid for child in psutil.Process(first.pid).children()]
        workers.kill(first)
        end_groups(children)
        since = time.monotonic()
        wait_until(lambda: not running(database) and job_of(database, job_id).lease_token is None)
        recovery("nobody alive but the service", since)
        assert {a.state for a in attempts_of(database)} == {"lost"}
        with database.write() as session:
            verbs.cancel(session, job_id)
        wait_until(lambda: job_of(database, job_id).state == "cancelled", 10.0)
    finally:
        service.kill()


@sqlite_first
def test_the_service_is_killed(database: Database, database_url: str, workers: Workers) -> None:
    job_id, port = submit(database, SPEC), _free_port()
    service = Service(database_url, port)
    workers.start(*LEASE)
    try:
        wait_until(at_work(database))
        here = f"http://127.0.0.1:{port}/v1/jobs/{job_id}/events"
        before = httpx.get(here, trust_env=False).json()
        service.kill()
        since = time.monotonic()
        service = Service(database_url, port)
        after = httpx.get(here, params={"limit": 500}, trust_env=False).json()
        recovery("service killed", since)
        assert after["items"][: len(before["items"])] == before["items"]
        assert_is_over(database, job_id)
    finally:
        service.kill()


@LONG
def test_postgresql_crashes(tmp_path: Path) -> None:
    with cluster() as server:
        migrate.upgrade(server.url)
        database, workers = Database(server.url), Workers(server.url, tmp_path)
        try:
            spec = make_spec({"steps": 40, "step_s": 0.05}, budget=Budget(6, 1))  # too much to be over by then
            job_id = submit(database, spec)
            workers.start(*LEASE)
            wait_until(in_the_search(database, job_id))
            server.crash()
            time.sleep(2 * TTL_S)  # longer than every lease
            since = time.monotonic()
            server.start()
            known = {a.id for a in attempts_of(database)}
            wait_until(lambda: any(a.id not in known for a in running(database)))
            recovery("PostgreSQL back after a crash, the next attempt starts", since)
            assert_is_over(database, job_id, spec)
            assert {a.state for a in attempts_of(database)} == {"finished"}  # no healthy attempt was taken for dead
        finally:
            workers.end()
            database.close()


@sqlite_first
def test_the_disk_is_full_while_a_checkpoint_is_written(database: Database, workers: Workers, tmp_path: Path) -> None:
    """A real file system of 64 MiB, filled up while trials run; the library's own training and checkpoints."""
    folder = tmp_path / "artifacts"
    with small_disk(folder, 64):
        training = {"epochs": 4, "batch_size": 32}
        spec = make_spec(budget=Budget(2, 1))
        spec = JobSpec.from_json(
            {**spec.to_json(), "training": training, "model": {"name": "mlp", "arguments": {"width": 64}}}
        )
        job_id = submit(database, spec)
        ballast = folder / "ballast"
        ballast.write_bytes(bytes((64 << 20) - 65536))
        workers.start(*LEASE, "--runner", "sparseift.training.run:run")
        wait_until(lambda: any(a.state == "lost" for a in attempts_of(database)), 90.0)
        (lost,) = [a for a in attempts_of(database) if a.state == "lost"][:1]
        assert "No space left on device" in lost.message
        assert lost.failure_class == "infrastructure"
        ballast.unlink()
        since = time.monotonic()
        wait_until(lambda: any(t.state == "complete" for t in trials_of(database, job_id)), 120.0)
        recovery("disk full, then not", since)
        wait_until(lambda: job_of(database, job_id).state == "succeeded", 240.0)
        found = trials_of(database, job_id)
        assert {t.state for t in found} == {"infeasible", "complete"}
        complete = [t.kind for t in found if t.state == "complete"]
        assert [complete.count(kind) for kind in ("baseline", "search", "confirm")] == [1, 2, 2]
        assert running(database) == []
        assert [p.name for p in folder.rglob(".step-*")] == []  # nothing half written stays
        workers.end()


@sqlite_first
@pytest.mark.parametrize(
    "leap_s", [pytest.param(86_400.0, id="forward"), pytest.param(-86_400.0, id="back", marks=LONG)]
)
def test_the_clock_leaps_by_a_day(
    database: Database,
    database_url: str,
    workers: Workers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    leap_s: float,
) -> None:
    """The hosts' wall clocks leap in every process. PostgreSQL's own clock does not: nothing happens. On SQLite the
    host's clock is the database's, so leases end, or last, a day too early: their rows are moved by as much.
    """
    file = tmp_path / "leap"
    monkeypatch.setenv("LEAP_FILE", str(file))
    monkeypatch.setenv("PYTHONPATH", str(LEAPING_CLOCK))
    job_id = submit(database, SPEC)
    service = Service(database_url, _free_port())
    workers.start(*LEASE)
    try:
        wait_until(in_the_search(database, job_id))
        file.write_text(f"{leap_s}")
        if database_url.startswith("sqlite"):
            with database.write() as session:
                session.execute(update(Job).values(lease_expires_at_s=Job.lease_expires_at_s - leap_s))
                moved = Attempt.lease_expires_at_s - leap_s
                session.execute(update(Attempt).where(Attempt.state == "running").values(lease_expires_at_s=moved))
        since = time.monotonic()
        assert_is_over(database, job_id)
        recovery(f"clock off by {leap_s:g} s, job ended", since)
        with database.read() as session:
            assert attempts.expired(session) == []
        assert {a.state for a in attempts_of(database)} == {"finished"}
    finally:
        service.kill()
