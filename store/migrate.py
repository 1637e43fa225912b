"""Bring a database to this program's tables, and refuse one that is not there.

Our Alembic history has its own version table, so that it can share a database with another tool's (Optuna's).
"""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError

from store import urls
from store.errors import Unavailable, WrongRevision
from store.sessions import Database
from store.tables import Base

VERSION_TABLE = "sparseift_version"
MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
UPGRADE_LOCK = 0x5F1F7  # PostgreSQL: two upgrades at once run one after the other


def include_name(name: str | None, type_: str, _parents: Any) -> bool:
    """Whether Alembic may look at something in the database: of the tables, only at ours."""
    return type_ != "table" or name in Base.metadata.tables


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, found from any working directory; `connection` is what env.py then runs on."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(url: str) -> None:
    """Create the tables, or bring them to this program's revision, in one transaction.

    Raises:
        InvalidValue: see `store.urls.parse`.
        Unavailable: the database cannot be opened or reached.
        WrongRevision: it was made by a newer program.
    """
    database = Database(url)
    try:
        file = urls.file_of(make_url(database.url))
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        _refuse_newer(database, current(database))
        with transaction(database) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
            command.upgrade(config(connection), "head")
    except (OSError, DBAPIError) as error:
        raise _unavailable(database, error) from error
    finally:
        database.close()


@contextmanager
def transaction(database: Database) -> Iterator[Connection]:
    """The one transaction in which migrations run, committed at the end.

    SQLite alters tables by rebuilding them, and dropping the old one would delete what refers to it; so foreign keys
    are not enforced meanwhile, and are checked as a whole before the commit.

    Raises:
        WrongRevision: a row would refer to none; nothing is changed.
    """
    with database.engine.execution_options(sparseift_foreign_keys=False).begin() as connection:
        yield connection
        if connection.dialect.name == "sqlite":
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if broken is not None:
                raise WrongRevision(
                    f"The database {urls.masked(database.url)} has a row of '{broken[0]}' that refers to no row of "
                    f"'{broken[2]}'; nothing was changed: restore a backup or delete that row."
                )


@cache
def head() -> str:
    """The revision of this program."""
    revision = ScriptDirectory.from_config(config()).get_current_head()
    assert revision is not None, "migrations/versions holds the first migration"
    return revision


def current(database: Database) -> str | None:
    """The database's revision; None where it has none of our tables. An SQLite file is not created by asking.

    Raises:
        Unavailable: the database cannot be opened or reached.
    """
    file = urls.file_of(make_url(database.url))
    if file is not None and not file.exists():
        return None
    options = {"version_table": VERSION_TABLE}
    try:
        with database.read() as session:
            return MigrationContext.configure(session.connection(), opts=options).get_current_revision()
    except DBAPIError as error:
        raise _unavailable(database, error) from error


def check_revision(database: Database) -> None:
    """Refuse a database whose tables are not this program's.

    Raises:
        WrongRevision: with the command that puts it right; a password in the URL is masked.
        Unavailable: the database cannot be opened or reached.
    """
    found, wanted = current(database), head()
    if found == wanted:
        return
    _refuse_newer(database, found)
    where = urls.masked(database.url)
    state = f"is at revision '{found}'" if found else "has no tables yet"
    raise WrongRevision(
        f"The database {where} {state} and this program needs revision '{wanted}'; "
        f"run: sparseift db upgrade --database {shlex.quote(where)}"
    )


def _refuse_newer(database: Database, found: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if found is not None and found not in known:
        raise WrongRevision(
            f"The database {urls.masked(database.url)} is at revision '{found}', which this program does not know "
            f"(its own is '{head()}'): a newer one made it, so update this program."
        )


def _unavailable(database: Database, error: Exception) -> Unavailable:
    cause = " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split()).rstrip(".")
    return Unavailable(f"The database {urls.masked(database.url)} cannot be opened: {cause}.")
