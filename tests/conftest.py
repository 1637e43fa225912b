"""Databases for every test that asks: `database_url` and `database`, once on SQLite and once on PostgreSQL.

Each test gets its own, built by running the migrations: they run once per session, into a template that is copied.
PostgreSQL is the server that SPARSEIFT_TEST_POSTGRES names, else one at 127.0.0.1:5432 that trusts user postgres, else
one that we start ourselves for the session where its programs are installed; else those tests are skipped.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, make_url

from store import migrate, urls
from store.sessions import Database
from tests.postgres import temporary_server

LOCAL = "postgresql://postgres@127.0.0.1:5432/postgres"


class PostgreSQL:
    """A server on which this session makes databases, and removes them in the end."""

    def __init__(self, url: str) -> None:
        self.url = urls.parse(url)
        self.prefix = f"sparseift_test_{secrets.token_hex(5)}"
        self.made: list[str] = []

    def make(self, template: str = "template0") -> str:
        """A new database, a copy of `template`; its URL."""
        name = f"{self.prefix}_{len(self.made)}"
        self.run("CREATE DATABASE {} TEMPLATE {}", name, template)
        self.made.append(name)
        return self.url.set(database=name).render_as_string(hide_password=False)

    def drop(self, name: str) -> None:
        """Remove one of our databases, whoever is still connected to it."""
        self.run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        self.made.remove(name)

    def run(self, statement: str, *names: str) -> None:
        """Run one statement outside a transaction, with quoted names in its braces."""
        with psycopg.connect(_plain(self.url), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """The PostgreSQL server of the session."""
    given = os.environ.get("SPARSEIFT_TEST_POSTGRES")
    if given:
        yield from _lend(given)
    elif _answers(LOCAL):
        yield from _lend(LOCAL)
    else:
        with temporary_server() as url:
            if url is None:
                pytest.skip(
                    "No PostgreSQL: set SPARSEIFT_TEST_POSTGRES to a URL, run one at 127.0.0.1:5432 that trusts user "
                    "postgres, or install its server programs (initdb, pg_ctl)."
                )
            yield from _lend(url)


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgreSQL) -> str:
    """The name of a migrated, empty PostgreSQL database to copy."""
    url = postgres.make()
    migrate.upgrade(url)
    return make_url(url).database or ""


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
    url = postgres.make(request.getfixturevalue("postgres_template"))
    yield url
    postgres.drop(make_url(url).database or "")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table: an SQLite file that does not exist yet, or a new PostgreSQL database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'sparseift.db'}"
        return
    postgres: PostgreSQL = request.getfixturevalue("postgres")
    url = postgres.make()
    yield url
    postgres.drop(make_url(url).database or "")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh migrated database, opened."""
    opened = Database(database_url)
    yield opened
    opened.close()


def _lend(url: str) -> Iterator[PostgreSQL]:
    server = PostgreSQL(url)
    yield server
    for name in list(server.made):
        server.drop(name)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(f"{url}?connect_timeout=3").close()
    except psycopg.OperationalError:
        return False
    return True


def _plain(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
