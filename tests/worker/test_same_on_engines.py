"""One job file, one seed, one slot: every engine makes the same trials of it and measures the same, bit for bit.

Whole workers as processes and the library's own training, on digits that nothing need fetch.
"""

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from sparseift.records import Budget, JobSpec, Named, Space
from store import attempts, jobs, trials
from store.sessions import Database
from store.tables import Attempt
from tests.worker.conftest import Workers
from tests.worker.fakes import submit
from worker.processes import find

pytestmark = [pytest.mark.slow, pytest.mark.long]
JOB = JobSpec(
    "same",
    Named("mlp", {"width": 16}),
    Named("digits"),
    ("sparse_wide", "sparse_parallel"),
    Space(sparsities=(0.5, 0.75), methods=("static", "rigl"), delta_t_steps=(4, 16)),
    Budget(search_trials=2, confirm_seeds=1),
    training={"epochs": 1, "batch_size": 32, "reports": 4},
    seed=11,
)
RAN = ("training_seconds", "created_at_s", "ended_at_s", "id", "job_id")  # of a run, not of its job


@pytest.fixture
def ray_url(tmp_path: Path) -> Iterator[str]:
    """A database for a worker on Ray; Ray of our own is ended with the test."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    from worker import ray_cluster

    url = f"sqlite:///{tmp_path / 'ray' / 'sparseift.db'}"
    yield url
    folder = ray_cluster.folder_of(url)
    if (found := ray_cluster.running(folder)) is not None and (head := find(found["process"])) is not None:
        head.terminate()
        head.wait(20)
    shutil.rmtree(folder)


def trained(url: str, folder: Path, spec: JobSpec, *engine: str) -> tuple[list[dict[str, Any]], list[Attempt]]:
    """What a worker on an engine leaves of the job: its trials, with their reports, and its attempts."""
    from sparseift.planning import make_plan

    database, workers = Database(url), Workers(url, folder)
    try:
        job_id = submit(database, spec, make_plan(spec))
        workers.finish(
            workers.start(
                *("--until-idle", "--slots", "1", "--threads-per-slot", "1"),
                *("--runner", "sparseift.training.run:run", *engine),
            ),
            180.0,
        )
        with database.read() as session:
            assert jobs.get(session, job_id).state == "succeeded", workers.log.read_text()
            found = []
            for trial in trials.all_of(session, job_id):
                values = {c.name: getattr(trial, c.name) for c in trial.__table__.columns if c.name not in RAN}
                measured = [
                    (r.step, r.train_loss, r.value, r.training_flops, r.sparsity)
                    for r in attempts.reports(session, trial.id)
                ]
                found.append({**values, "reports": measured})
            return found, list(session.scalars(select(Attempt).order_by(Attempt.id)))
    finally:
        workers.end()
        database.close()


def test_a_job_comes_out_the_same_on_local_and_on_embedded_ray(
    sqlite_template: Path, tmp_path: Path, ray_url: str
) -> None:
    for name in ("local", "ray"):
        (tmp_path / name).mkdir()
        shutil.copy(sqlite_template, tmp_path / name / "sparseift.db")
    local, first = trained(f"sqlite:///{tmp_path / 'local' / 'sparseift.db'}", tmp_path / "local", JOB)
    ray, second = trained(ray_url, tmp_path / "ray", JOB, "--engine", "ray")
    complete = [t for t in local if t["state"] == "complete"]
    assert [t["kind"] for t in complete] == ["baseline", "search", "search", "confirm", "confirm"]
    assert {t["state"] for t in local} <= {"complete", "infeasible"}
    assert all(len(t["reports"]) >= 4 and t["training_flops"] > 0 for t in complete)
    assert [t["test_value"] is None for t in complete] == [False, True, True, False, False]
    assert len({t["value"] for t in complete}) > 2  # not all alike by chance
    for on_local, on_ray in zip(local, ray, strict=True):
        assert on_ray == on_local
    assert {a.slot.partition("/")[2] for a in first} == {"cpu:0"}
    assert all(":ray-" in a.slot for a in second)
    assert [a.trial_id for a in first] == [a.trial_id for a in second] == sorted(a.trial_id for a in first)
    assert {(a.environment["threads"], a.environment["torch"]) for a in (*first, *second)} == {
        (1, first[0].environment["torch"])
    }
