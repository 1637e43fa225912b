"""A database and its two kinds of transaction. One request, one transaction: only `write` here ever commits."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.orm import Session

from store import urls

BUSY_TIMEOUT_S = 30.0  # how long a statement waits for another writer of an SQLite file
JOURNAL_ATTEMPTS = 200  # times 25 ms: SQLite does not wait for others when it changes the journal's mode
POSTGRESQL_OPTIONS: dict[str, Any] = {  # a peer that was cut off is noticed in seconds, not in hours
    "connect_timeout": 10,  # s
    "keepalives_idle": 10,  # s
    "keepalives_interval": 5,  # s
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # ms
    "application_name": "sparseift",
    "options": "-c idle_in_transaction_session_timeout=60000",  # ms: a lock's holder that was cut off lets go
}

# Updates are statements, not changed objects: every query gives the rows as they are now, never an earlier copy.
FRESH: dict[str, Any] = {"populate_existing": True, "synchronize_session": False}


class Database:
    """SQLite in a file (WAL) or PostgreSQL. Safe to share between threads; never carry one across a fork.

    Args:
        url: `sqlite:///file` or `postgresql://…`; nothing is connected to yet.

    Attributes:
        url: with our driver and with its password, if it has one.

    Raises:
        InvalidValue: see `store.urls.parse`.
    """

    def __init__(self, url: str) -> None:
        parsed = urls.parse(url)
        self.url = parsed.render_as_string(hide_password=False)
        self._masked = urls.masked(parsed)
        if parsed.get_backend_name() == "sqlite":
            self.engine = _sqlite(parsed)
            self._reader = self.engine.execution_options(sparseift_begin="BEGIN", sparseift_query_only=True)
        else:
            options = {k: v for k, v in POSTGRESQL_OPTIONS.items() if k not in parsed.query}
            self.engine = create_engine(
                parsed, connect_args=options, pool_pre_ping=True, isolation_level="READ COMMITTED"
            )
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def __repr__(self) -> str:
        return f"Database({self._masked!r})"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One snapshot of the database, in which nothing can be written. What was read stays readable after."""
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction: committed at the end, rolled back by an exception. On SQLite it excludes other writers."""
        with (
            Session(self.engine, expire_on_commit=False, execution_options=FRESH) as session,
            session.begin(),
        ):
            yield session

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction; `begin` below does
        _use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        # Before the BEGIN: inside a transaction this pragma does nothing.
        connection.exec_driver_sql(f"PRAGMA foreign_keys={int(options.get('sparseift_foreign_keys', True))}")
        connection.exec_driver_sql(f"PRAGMA query_only={int(options.get('sparseift_query_only', False))}")
        connection.exec_driver_sql(options.get("sparseift_begin", "BEGIN IMMEDIATE"))

    return engine


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    for _ in range(JOURNAL_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(0.025)
        else:
            return
    connection.execute("PRAGMA journal_mode=WAL")
