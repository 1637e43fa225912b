"""Databases for every test that asks: `database_url` and `database`, once on SQLite and once on PostgreSQL.

Each test gets its own, built by running the migrations: they run once per session, into a template that is copied.
PostgreSQL is the server that SPARSEIFT_TEST_POSTGRES names, else one at 127.0.0.1:5432 that trusts user postgres, else
one that we start ourselves for the session where its programs are installed; else those tests are skipped.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported: the suite itself runs on every core

from store import migrate
from store.sessions import Database
from tests.postgres import PostgreSQL, server

settings.register_profile("suite", deadline=None)  # no test here is a stopwatch
settings.load_profile("suite")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """The PostgreSQL server of the session."""
    with server(os.environ.get("SPARSEIFT_TEST_POSTGRES")) as url:
        if url is None:
            pytest.skip(
                "No PostgreSQL: set SPARSEIFT_TEST_POSTGRES to a URL, run one at 127.0.0.1:5432 that trusts user "
                "postgres, or install its server programs (initdb, pg_ctl)."
            )
        lent = PostgreSQL(url)
        yield lent
        lent.drop_all()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    file = tmp_path_factory.mktemp("template") / "sparseift.db"
    migrate.upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh migrated database."""
    if request.param == "sqlite":
        file = tmp_path / "sparseift.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    postgres: PostgreSQL = request.getfixturevalue("postgres")
    url = postgres.lend()
    yield url
    postgres.take_back(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table: an SQLite file that does not exist yet, or a new PostgreSQL database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'sparseift.db'}"
        return
    postgres: PostgreSQL = request.getfixturevalue("postgres")
    url = postgres.make()
    yield url
    postgres.drop(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh migrated database, opened."""
    opened = Database(database_url)
    yield opened
    opened.close()
