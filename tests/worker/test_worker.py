"""Whole workers as processes: what they leave in the database, whoever is killed meanwhile."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url, select

from sparseift.records import Budget, JobSpec
from store import attempts, jobs, trials, verbs
from store.sessions import Database
from store.tables import Attempt, Checkpoint, Event, Job, Trial
from tests.worker.conftest import ROOT, Workers, wait_until
from tests.worker.fakes import REFUSAL, make_plan, make_spec, submit
from tests.worker.test_search import simulate
from worker.processes import find

pytestmark = pytest.mark.slow


def trials_of(database: Database, job_id: str) -> list[Trial]:
    with database.read() as session:
        return trials.all_of(session, job_id)


def job_of(database: Database, job_id: str) -> Job:
    with database.read() as session:
        return jobs.get(session, job_id)


def running(database: Database) -> list[Attempt]:
    with database.read() as session:
        return attempts.running(session)


def attempts_of(database: Database) -> list[Attempt]:
    with database.read() as session:
        return list(session.scalars(select(Attempt).order_by(Attempt.id)))


def assert_is_undisturbed(database: Database, job_id: str, spec: JobSpec) -> None:
    """The job holds exactly the trials that the pure search makes, each complete once."""
    expected = [(r.number, r.kind, r.configuration.key, r.seed) for r in simulate(spec, make_plan())]
    found = trials_of(database, job_id)
    assert [(t.number, t.kind, t.configuration_key, t.seed) for t in found] == expected
    assert [t.state for t in found] == ["infeasible"] * 2 + ["complete"] * (len(expected) - 2)
    assert job_of(database, job_id).state == "succeeded"
    with database.read() as session:
        done = select(Attempt.trial_id).join(Trial).where(Attempt.state == "finished", Trial.job_id == job_id)
        finished = list(session.scalars(done))
    assert sorted(finished) == sorted(t.id for t in found if t.state == "complete")


def test_a_job_from_queue_to_success(database: Database, workers: Workers) -> None:
    spec = make_spec()
    job_id = submit(database, spec)
    workers.finish(workers.start("--until-idle"))
    assert_is_undisturbed(database, job_id, spec)
    found = trials_of(database, job_id)
    assert [t.message for t in found[:2]] == [REFUSAL, REFUSAL]
    assert [t.test_value is not None for t in found] == [t.kind != "search" for t in found]
    environment = attempts_of(database)[0].environment
    assert environment["device"].startswith("cpu:")
    assert {"python", "torch", "platform", "git_commit", "sparseift", "device_model"} <= environment.keys()
    assert environment["trial"]["configuration"] == {"family": "dense", "nominal_sparsity": 0.0, "schedule": None}
    with database.read() as session:
        kinds = list(session.scalars(select(Event.kind).where(Event.job_id == job_id).order_by(Event.id)))
    assert kinds[:2] == ["job.queued", "job.running"]
    assert kinds[-1] == "job.succeeded"
    with database.read() as session:
        kept = list(session.scalars(select(Checkpoint.path).order_by(Checkpoint.path)))
    artifacts = workers.folder / "artifacts"
    assert sorted(str(p.relative_to(artifacts)) for p in artifacts.rglob("step-*")) == kept
    winners = [t for t in found if t.state == "complete" and t.kind != "search"]
    assert len(kept) == len(winners) + 2  # and the best search trial of each family


def test_killed_children_and_a_killed_worker_change_nothing(database: Database, workers: Workers) -> None:
    spec = make_spec({"steps": 20, "step_s": 0.04}, budget=Budget(4, 1))
    job_id = submit(database, spec)
    worker = workers.start("--lease-ttl-s", "2")
    wait_until(lambda: len(running(database)) == 2)
    victim = find(running(database)[0].process)
    assert victim is not None
    victim.kill()
    wait_until(lambda: any(a.state == "lost" for a in attempts_of(database)), 2.0)
    wait_until(lambda: len(running(database)) == 2 and len(trials_of(database, job_id)) >= 4)
    workers.kill(worker)
    orphans = {a.id for a in running(database)}
    time.sleep(2.0)  # until its lease on the job is over
    workers.finish(workers.start("--lease-ttl-s", "2", "--until-idle"))
    assert_is_undisturbed(database, job_id, spec)
    by_id = {a.id: a for a in attempts_of(database)}
    assert {by_id[i].state for i in orphans} == {"finished"}  # they outlived their worker
    assert [a.state for a in by_id.values()].count("lost") == 1
    resumed = [a for a in by_id.values() if a.number == 2]
    assert len(resumed) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_stopped_worker_hands_everything_back(database: Database, workers: Workers) -> None:
    spec = make_spec({"steps": 20, "step_s": 0.06}, budget=Budget(2, 0))
    job_id = submit(database, spec)
    worker = workers.start()
    wait_until(lambda: len(running(database)) == 2)
    worker.send_signal(signal.SIGTERM)
    workers.finish(worker, 10.0)
    job, before = job_of(database, job_id), attempts_of(database)
    assert (job.state, job.lease_token) == ("running", None)
    assert {(a.state, a.failure_class) for a in before} == {("handed_back", "")}
    assert [t.state for t in trials_of(database, job_id)].count("waiting") == 2
    workers.finish(workers.start("--until-idle"))
    assert_is_undisturbed(database, job_id, spec)
    logs = [workers.folder / "artifacts" / a.log_path for a in attempts_of(database) if a.number == 2]
    assert len(logs) == 2
    assert any("from step 0" not in log.read_text() for log in logs)  # resumed from a checkpoint


def test_cancel_ends_what_runs_within_five_seconds(database: Database, workers: Workers, tmp_path: Path) -> None:
    file = tmp_path / "grandchild"
    job_id = submit(database, make_spec({"steps": 1000, "deaf": True, "grandchild": str(file)}))
    worker = workers.start()
    wait_until(lambda: len(running(database)) == 2 and file.exists() and bool(file.read_text()))
    processes = [a.process for a in running(database)]
    grandchild = psutil.Process(int(file.read_text()))
    with database.write() as session:
        verbs.cancel(session, job_id)
    assert wait_until(lambda: job_of(database, job_id).state == "cancelled") < 5.0
    assert [find(process) for process in processes] == [None, None]
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE
    assert {t.state for t in trials_of(database, job_id)} == {"infeasible", "cancelled"}
    worker.send_signal(signal.SIGTERM)
    workers.finish(worker, 10.0)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_outage_longer_than_the_leases_loses_no_attempt(
    database: Database, database_url: str, workers: Workers
) -> None:
    spec = make_spec({"steps": 60, "step_s": 0.1}, budget=Budget(1, 0))
    job_id = submit(database, spec)
    worker = workers.start("--lease-ttl-s", "2", "--until-idle")
    wait_until(lambda: len(running(database)) == 2)
    database.close()
    url = make_url(database_url)
    server = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        name = sql.Identifier(url.database or "")
        connection.execute(allow.format(name, sql.Literal(False)))
        try:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(ended, [url.database])
            time.sleep(4.0)
        finally:
            connection.execute(allow.format(name, sql.Literal(True)))
    workers.finish(worker)
    assert "The database is away" in workers.log.read_text()
    assert_is_undisturbed(database, job_id, spec)
    assert {a.state for a in attempts_of(database)} == {"finished"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_attempt_that_hangs_ends_at_its_time_limit(database: Database, workers: Workers) -> None:
    job_id = submit(database, make_spec({"deaf": True, "step_s": 600}, budget=Budget(1, 0)))
    workers.finish(workers.start("--until-idle", "--attempt-limit-s", "0.5", "--lease-ttl-s", "1"))
    job, ended = job_of(database, job_id), attempts_of(database)
    assert (job.state, job.reason) == ("failed", "baseline_failed")
    assert "ran for more than 0.5 s" in job.message
    assert (ended[0].state, ended[0].failure_class) == ("failed", "timeout")
    assert [find(attempt.process) for attempt in ended] == [None] * len(ended)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_job_that_only_fails_is_given_up_with_the_reason(database: Database, workers: Workers) -> None:
    job_id = submit(database, make_spec({"raise": "TypeError"}))
    workers.finish(workers.start("--until-idle"))
    job = job_of(database, job_id)
    assert (job.state, job.reason) == ("failed", "baseline_failed")
    assert "TypeError: a fault of the user's" in job.message


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--slots", "0"], "There cannot be 0 slots"),
        (["--lease-ttl-s", "0"], "too short"),
        (["--runner", "nothing"], "is no runner"),
        (["--database", "/nonexistent/none.db"], "sparseift db upgrade"),
    ],
)
def test_bad_arguments_get_one_sentence(workers: Workers, more: list[str], sentence: str) -> None:
    worker = workers.start(*more)
    assert worker.wait(timeout=30) == 2
    text = workers.log.read_text()
    assert sentence in text
    assert len(text.splitlines()) == 1


def test_help_has_examples() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "worker", "--help"], cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ
    )
    assert "examples:" in answer.stdout
