"""A finished job on SQLite: what is drawn does not depend on the database."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.settings import Settings
from store.sessions import Database
from tests.service import history
from tests.service.conftest import opened
from tests.service.fakes import FakePlanner


@pytest.fixture(scope="module")
def edge_history(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, str]]:
    """A client, and the id of a job that succeeded."""
    file = tmp_path_factory.mktemp("curves") / "sparseift.db"
    shutil.copy(sqlite_template, file)
    database = Database(f"sqlite:///{file}")
    with database.write() as session:
        job_id = history.over(session).id
    database.close()
    with opened(Settings(f"sqlite:///{file}"), FakePlanner()) as client:
        yield client, job_id
