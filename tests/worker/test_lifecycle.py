"""Whole workers as processes: jobs that are paused, stopped, extended and limited come out as if nobody had meddled."""

import pytest
from sqlalchemy import select

from sparseift.records import Budget
from store import jobs, verbs
from store.sessions import Database
from store.tables import Worker
from tests.worker.conftest import Workers, wait_until
from tests.worker.fakes import make_plan, make_spec, submit
from tests.worker.test_search import simulate
from tests.worker.test_worker import (
    assert_is_undisturbed,
    attempts_of,
    job_of,
    running,
    trials_of,
)

pytestmark = [pytest.mark.slow, pytest.mark.long]


def complete(database: Database, job_id: str, kind: str) -> int:
    return sum(t.kind == kind and t.state == "complete" for t in trials_of(database, job_id))


def test_a_paused_job_frees_its_slots_and_comes_out_the_same(database: Database, workers: Workers) -> None:
    spec = make_spec({"steps": 30, "step_s": 0.05}, budget=Budget(4, 1))
    job_id = submit(database, spec)
    workers.start("--lease-ttl-s", "2")
    wait_until(lambda: complete(database, job_id, "baseline") == 1 and len(running(database)) == 2)
    with database.write() as session:
        verbs.pause(session, job_id, "hand_back")
    wait_until(lambda: not running(database) and job_of(database, job_id).lease_token is None, 10.0)
    other = submit(database, make_spec({"steps": 2}, budget=Budget(1, 0)))
    wait_until(lambda: job_of(database, other).state == "succeeded")  # the worker is free
    assert job_of(database, job_id).state == "paused"
    assert [a.state for a in attempts_of(database) if a.state == "handed_back"]
    with database.write() as session:
        verbs.resume(session, job_id)
    wait_until(lambda: job_of(database, job_id).state == "succeeded")
    found = trials_of(database, job_id)
    expected = [(r.number, r.kind, r.configuration.key, r.seed) for r in simulate(spec, make_plan())]
    assert [(t.number, t.kind, t.configuration_key, t.seed) for t in found] == expected


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_runs_when_a_job_is_paused_may_finish(database: Database, workers: Workers) -> None:
    job_id = submit(database, make_spec({"steps": 30, "step_s": 0.05}, budget=Budget(2, 0)))
    workers.start()
    wait_until(lambda: len(running(database)) == 1)  # the baseline; the search may begin beside it
    with database.write() as session:
        verbs.pause(session, job_id)
    wait_until(lambda: job_of(database, job_id).lease_token is None, 5.0)
    wait_until(lambda: not running(database))
    assert {a.state for a in attempts_of(database)} == {"finished"}
    assert job_of(database, job_id).state == "paused"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("wish", ["finish", "stop"])
def test_a_stopped_job_confirms_what_it_has(database: Database, workers: Workers, wish: str) -> None:
    job_id = submit(database, make_spec({"steps": 30, "step_s": 0.1}, budget=Budget(40, 1)))
    workers.start("--until-idle")
    wait_until(lambda: complete(database, job_id, "search") >= 2 and len(running(database)) == 2)
    with database.write() as session:
        verbs.stop(session, job_id, wish)  # type: ignore[arg-type]
    wait_until(lambda: job_of(database, job_id).state == "succeeded")
    job, found = job_of(database, job_id), trials_of(database, job_id)
    assert (job.reason, job.search_closed) == ("stopped", "stopped")
    assert job.message.startswith("A user stopped it; ")
    assert [t.state for t in found if t.kind == "confirm"] == ["complete"] * 2
    assert sum(t.kind == "search" for t in found) < 12
    assert ("cancelled" in {t.state for t in found}) == (wish == "stop")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_extended_job_has_the_trials_of_the_larger_one(database: Database, workers: Workers) -> None:
    spec = make_spec(budget=Budget(4, 1))
    job_id = submit(database, spec)
    workers.finish(workers.start("--until-idle"))
    assert_is_undisturbed(database, job_id, spec)
    with database.write() as session:
        verbs.extend(session, job_id, {"search_trials": 10, "confirm_seeds": 2})
    workers.finish(workers.start("--until-idle"))
    larger = simulate(make_spec(budget=Budget(10, 2)), make_plan())
    found = trials_of(database, job_id)
    for kind in ("baseline", "search", "confirm"):
        wanted = {(r.configuration.key, r.seed) for r in larger if r.kind == kind}
        made = [(t.configuration_key, t.seed) for t in found if t.kind == kind]
        assert wanted <= set(made)
        if kind != "confirm":  # the smaller search may have named others
            assert made == [(r.configuration.key, r.seed) for r in larger if r.kind == kind]
    assert {t.state for t in found} == {"complete", "infeasible"}
    assert (job_of(database, job_id).state, job_of(database, job_id).reason) == ("succeeded", "finished")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("limit", "word"),
    [({"training_flops": 9e6}, "training_flops"), ({"wall_time_s": 10.0}, "wall_time_s")],
)
@pytest.mark.parametrize("when_spent", ["finish", "stop"])
def test_the_first_limit_ends_the_search_and_the_best_are_confirmed(
    database: Database, workers: Workers, limit: dict[str, float], word: str, when_spent: str
) -> None:
    budget = Budget(200, 1, when_spent=when_spent, **limit)  # type: ignore[arg-type]
    job_id = submit(database, make_spec({"steps": 4, "step_s": 0.05}, budget=budget))
    workers.finish(workers.start("--until-idle"))
    job, found = job_of(database, job_id), trials_of(database, job_id)
    assert (job.state, job.reason) == ("succeeded", word)
    assert "ended the search" in job.message
    assert [t.state for t in found if t.kind == "confirm"] == ["complete"] * 2
    if word == "training_flops":  # 1e6 a trial, three kept back for dense and two confirmations
        spent = sum(t.training_flops or 0.0 for t in found)
        assert 9e6 - 1e6 <= spent <= 9e6 + 2e6


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_workers_share_four_jobs_and_one_takes_over_when_the_other_is_killed(
    database: Database, workers: Workers
) -> None:
    ttl_s = 3.0
    spec = make_spec({"steps": 12, "step_s": 0.05}, budget=Budget(3, 1))
    job_ids = [submit(database, spec) for _ in range(4)]
    first = workers.start("--lease-ttl-s", f"{ttl_s}")
    workers.start("--lease-ttl-s", f"{ttl_s}")
    wait_until(lambda: len({job_of(database, i).lease_owner for i in job_ids[:2]} - {None}) == 2)
    with database.read() as session:
        named = select(Worker.name).where(Worker.process.startswith(f"{first.pid}@"))
        dead = session.scalars(named).one()
    (orphan,) = [i for i in job_ids[:2] if job_of(database, i).lease_owner == dead]
    workers.kill(first)
    workers.start("--lease-ttl-s", f"{ttl_s}")
    wait_until(lambda: job_of(database, orphan).lease_owner not in (dead, None), 60.0)  # tests/faults has the bound
    wait_until(lambda: all(job_of(database, i).state == "succeeded" for i in job_ids), 90.0)
    for job_id in job_ids:
        assert_is_undisturbed(database, job_id, spec)
    with database.read() as session:
        assert all(jobs.get(session, i).lease_token is None for i in job_ids)
