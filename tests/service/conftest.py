"""The application over a real database, with a planner that needs no torch.

`client` runs a test on SQLite and on PostgreSQL; `edge`, on SQLite alone, is for what never reaches the database.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.planner import Planner
from service.settings import Settings
from tests.service.fakes import FakePlanner

ADDRESS = "http://127.0.0.1:8000"


@contextmanager
def opened(settings: Settings, planner: Planner) -> Iterator[TestClient]:
    """A client of the started application; an unexpected error is the 500 that users would see."""
    with TestClient(create_app(settings, planner), base_url=ADDRESS, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def planner() -> FakePlanner:
    return FakePlanner()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """As served, with fast streams."""
    return Settings(database_url, tmp_path, event_poll_s=0.02, event_heartbeat_s=0.1, event_streams=2)


@pytest.fixture
def client(settings: Settings, planner: FakePlanner) -> Iterator[TestClient]:
    with opened(settings, planner) as client:
        yield client


@pytest.fixture(scope="session")
def edge_url(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated SQLite database in which nothing is ever stored."""
    file = tmp_path_factory.mktemp("edge") / "sparseift.db"
    shutil.copy(sqlite_template, file)
    return f"sqlite:///{file}"


@pytest.fixture
def edge(edge_url: str, planner: FakePlanner) -> Iterator[TestClient]:
    with opened(Settings(edge_url), planner) as client:
        yield client
