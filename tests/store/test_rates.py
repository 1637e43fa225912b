"""Speeds of stored trainings: of the nearest kind that there is, within a project."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from sparseift.records import JobSpec, Named
from store import attempts, rates
from store.sessions import Database
from store.tables import Job
from tests.store import samples

# 3 · 39,999 executed FLOPs · 100 steps · 32 samples in 12.5 s
SPEED = 3.0 * 39_999 * 100 * 32 / 12.5


def finished(database: Database, spec: JobSpec, project: str = "default") -> None:
    """A job with one complete trial."""
    with database.write() as session:
        job, _ = samples.claimed(session, spec)
        attempt = samples.started(session, job, samples.waiting(session, job))
        attempts.finish(session, attempt.id, attempt.token, samples.RESULT)
        session.execute(update(Job).where(Job.id == job.id).values(project=project, state="succeeded"))


def test_the_nearest_kind_of_training_tells_the_speed(database: Database) -> None:
    with database.read() as session:
        assert rates.measured(session, "mlp", "digits", None) == rates.Rates("none")
    finished(database, replace(samples.SPEC, dataset=Named("cifar10")))
    with database.read() as session:
        assert rates.measured(session, "mlp", "digits", None) == rates.Rates("model", (pytest.approx(SPEED),))
        assert rates.measured(session, "vit", "cifar10", None).basis == "dataset"
        assert rates.measured(session, "vit", "digits", None).basis == "none"
    finished(database, samples.SPEC)
    with database.read() as session:
        found = rates.measured(session, "mlp", "digits", None)
        assert found == rates.Rates("model_and_dataset", (pytest.approx(SPEED),))


def test_another_projects_trainings_tell_nothing(database: Database) -> None:
    finished(database, samples.SPEC, project="theirs")
    with database.read() as session:
        assert rates.measured(session, "mlp", "digits", "ours").basis == "none"
        assert rates.measured(session, "mlp", "digits", "theirs").basis == "model_and_dataset"
