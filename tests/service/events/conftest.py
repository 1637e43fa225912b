"""A running job on SQLite."""

import shutil
from pathlib import Path

import pytest

from store.sessions import Database
from tests.service import history


@pytest.fixture
def sqlite_job(sqlite_template: Path, tmp_path: Path) -> tuple[str, str]:
    """A database's URL and the id of a job that does not end."""
    url = f"sqlite:///{tmp_path / 'events.db'}"
    shutil.copy(sqlite_template, tmp_path / "events.db")
    database = Database(url)
    with database.write() as session:
        job_id = history.submitted(session).id
    database.close()
    return url, job_id
