"""Jobs that start from earlier ones, and the ladder: through rows by hand, and through a real worker that trains."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from sparseift.planning import make_plan
from sparseift.records import Budget, Configuration, JobSpec, Named, Space
from store import archive, attempts, jobs, trials, verbs
from store.sessions import Database
from store.tables import Job, Trial
from tests.worker import fakes
from tests.worker.conftest import Workers
from tests.worker.test_pruning import served
from worker.claim import starts_of

QUICK = {"steps": 1, "step_s": 0.0}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_job_starts_from_what_an_earlier_one_had_when_it_was_submitted(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    [found] = served(database, database_url, tmp_path, [fakes.make_spec(QUICK, budget=Budget(4, 1))])
    origin = found[0].job_id
    spec = fakes.make_spec(QUICK, budget=Budget(6, 1), model=Named("mlp", {"width": 8}), start_from=(origin,), seed=9)
    job_id = fakes.submit(database, spec)
    with database.read() as session:
        at_first = starts_of(session, jobs.get(session, job_id))
    assert set(at_first) == set(fakes.FAMILIES)
    with database.write() as session:  # the origin goes on, and finds something better than all
        verbs.extend(session, origin, {"search_trials": 5})
        token = jobs.claim(session, "w", 60.0).lease_token or ""  # type: ignore[union-attr]
        better = next(
            t.configuration
            for t in found
            if t.kind == "search" and t.family == "sparse_wide" and t.configuration != at_first["sparse_wide"][0]
        )
        trial = trials.add(
            session,
            origin,
            token,
            number=len(found),
            kind="search",
            configuration=Configuration.from_json(better),
            point=fakes.point("sparse_wide", 0.5),
            seed=5,
        )
        session.execute(
            update(Trial)
            .where(Trial.id == trial.id)
            .values(state="complete", value=1e6, ended_at_s=jobs.get(session, job_id).created_at_s + 1.0)
        )
    with database.read() as session:
        assert starts_of(session, jobs.get(session, job_id)) == at_first
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(created_at_s=Job.created_at_s + 2.0))
    with database.read() as session:
        assert starts_of(session, jobs.get(session, job_id)) != at_first  # it is the time that keeps it out


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_scheduler_proposes_starting_points_first_and_outlives_their_origin(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    [found] = served(database, database_url, tmp_path, [fakes.make_spec(QUICK, budget=Budget(8, 1))])
    origin = found[0].job_id
    spec = fakes.make_spec(QUICK, budget=Budget(4, 1), start_from=(origin,), seed=9)
    [made] = served(database, database_url, tmp_path, [spec])
    job_id = made[0].job_id
    with database.read() as session:
        expected = starts_of(session, jobs.get(session, job_id))
    first = [t for t in made if t.kind == "search" and t.state == "complete"][:2]
    assert [Configuration.from_json(t.configuration) for t in first] == [expected[f][0] for f in fakes.FAMILIES]
    confirmed = [t.configuration for t in found if t.kind == "confirm"]
    assert [t.configuration for t in first] == confirmed  # the origin's own best
    with database.write() as session:
        archive.remove(session, origin)
        verbs.extend(session, job_id, {"search_trials": 6})
    served(database, database_url, tmp_path, [replace(spec, start_from=(), seed=3)])  # and the extended job with it
    with database.read() as session:
        assert jobs.get(session, job_id).state == "succeeded"
        assert len([t for t in trials.all_of(session, job_id) if t.kind == "search" and t.state == "complete"]) == 6


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_real_worker_trains_the_ladder_and_starts_from_an_earlier_job(database: Database, workers: Workers) -> None:
    first = JobSpec(
        "first",
        Named("mlp", {"width": 32, "depth": 3}),
        Named("digits"),
        ("sparse_wide", "sparse_doped"),
        Space(sparsities=(0.5, 0.75), methods=("static", "rigl"), delta_t_steps=(2, 4)),
        Budget(4, 1),
        {"epochs": 1, "batch_size": 128, "evaluations": 2, "reports": 2, "checkpoints": 1},
        ladder=(2.0, 4.0),
    )
    with database.write() as session:
        origin = jobs.create(session, first, make_plan(first))[0].id
    real = ("--until-idle", "--runner", "sparseift.training.run:run")
    workers.finish(workers.start(*real), 120.0)
    with database.read() as session:
        assert jobs.get(session, origin).state == "succeeded"
        made = trials.all_of(session, origin)
    assert [t.kind for t in made if t.state == "complete"] == (
        ["baseline"] + ["search"] * 4 + ["confirm"] * 2 + ["ladder"] * 2
    )
    dense, *rungs = [t for t in made if t.kind in ("baseline", "ladder")]
    assert [t.configuration.get("flop_multiple") for t in rungs] == [2.0, 4.0]
    for rung, multiple in zip(rungs, (2.0, 4.0), strict=True):
        assert rung.flop_ratio == pytest.approx(multiple, rel=0.1)
        assert (rung.training_flops or 0.0) / (dense.training_flops or 1.0) == pytest.approx(rung.flop_ratio, rel=1e-6)
        assert rung.test_value is not None
        assert rung.seed == dense.seed
    second = replace(first, name="second", model=Named("mlp", {"width": 48, "depth": 3}), ladder=(), seed=1)
    second = replace(second, start_from=(origin,))
    with database.write() as session:
        job_id = jobs.create(session, second, make_plan(second))[0].id
    workers.finish(workers.start(*real), 120.0)
    with database.read() as session:
        assert jobs.get(session, job_id).state == "succeeded"
        expected = starts_of(session, jobs.get(session, job_id))
        searched = [t for t in trials.all_of(session, job_id) if t.kind == "search" and t.state == "complete"]
        assert attempts.reports(session, searched[0].id)
    assert set(expected) == {"sparse_wide", "sparse_doped"}
    assert [Configuration.from_json(t.configuration) for t in searched[:2]] == [expected[f][0] for f in first.families]
