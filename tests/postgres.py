"""PostgreSQL for tests: databases on a server that runs, or on one that is started for the session."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from store import migrate, urls

LOCAL = "postgresql://postgres@127.0.0.1:5432/postgres"
START_LIMIT_S = 60
OURS = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'sparseift_version'"
GOODBYE_LIMIT_S = 1.0  # for the connections of a test that is over to disappear


class PostgreSQL:
    """A server on which this session makes databases, and removes them in the end.

    Making and dropping a database costs up to seconds where the server syncs its files, emptying one milliseconds:
    a database that was lent is lent again if nobody is connected to it any more and its tables are as they were.
    """

    def __init__(self, url: str) -> None:
        self._url = urls.parse(url)
        self._prefix = f"sparseift_test_{secrets.token_hex(5)}"
        self._count = 0
        self._made: list[str] = []
        self._free: list[str] = []
        self._template = ""
        self._tables: list[tuple[object, ...]] = []

    def lend(self) -> str:
        """A migrated database without a row; its URL."""
        if self._free:
            return self._free.pop()
        if not self._template:
            url = self.make()
            migrate.upgrade(url)
            self._tables = _tables(url)
            self._template = make_url(url).database or ""
        return self.make(self._template)

    def take_back(self, url: str) -> None:
        """Empty a database that was lent, or drop it where it is not as it was."""
        if _is_left(url) and _tables(url) == self._tables:
            _empty(url)
            self._free.append(url)
        else:
            self.drop(url)

    def make(self, template: str = "template0") -> str:
        """A new database, a copy of `template`; its URL."""
        name = f"{self._prefix}_{self._count}"
        self._count += 1
        self._run("CREATE DATABASE {} TEMPLATE {}", name, template)
        self._run("ALTER DATABASE {} SET synchronous_commit = off", name)  # no test cuts the power
        url = self._url.set(database=name).render_as_string(hide_password=False)
        self._made.append(url)
        return url

    def drop(self, url: str) -> None:
        """Remove a database of ours, whoever is still connected to it."""
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", make_url(url).database or "")
        self._made.remove(url)

    def drop_all(self) -> None:
        """Remove every database that is left of ours."""
        for url in list(self._made):
            self.drop(url)

    def _run(self, statement: str, *names: str) -> None:
        with _connect(self._url.render_as_string(hide_password=False)) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def server(given: str | None) -> Iterator[str | None]:
    """The URL of a server: the one given, else one at 127.0.0.1:5432, else one of our own; None: there is none."""
    if given:
        yield given
    elif _answers(LOCAL):
        yield LOCAL
    else:
        with temporary_server() as url:
            yield url


@contextmanager
def temporary_server() -> Iterator[str | None]:
    """Start a server in a temporary folder and remove both in the end; None where its programs are not installed.

    It listens on a free port of 127.0.0.1 and trusts user postgres. It refuses to run as root, so root starts it as
    the user postgres.
    """
    programs = _programs()
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if programs is None or (as_user and not _has_user_postgres()):
        yield None
        return
    folder = Path(mkdtemp(prefix="sparseift-postgres-"))  # short: a socket's path has at most 107 bytes
    data = folder / "data"
    if as_user:
        shutil.chown(folder, "postgres")
    try:
        _run([*as_user, str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8"])
        port = _free_port()
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
        control = [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", str(START_LIMIT_S)]
        _run([*control, "-l", str(folder / "log"), "-o", options, "start"])
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder)


def _programs() -> Path | None:
    for found in (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), shutil.which("initdb")):
        folder = Path(found).resolve().parent if isinstance(found, str) else found
        if folder is not None and (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    return None


def _has_user_postgres() -> bool:
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        return False
    return shutil.which("runuser") is not None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=2 * START_LIMIT_S, stdout=subprocess.DEVNULL, cwd="/")


def _connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, connect_timeout=10)


def _answers(url: str) -> bool:
    try:
        _connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def _is_left(url: str) -> bool:
    others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() LIMIT 1"
    deadline = time.monotonic() + GOODBYE_LIMIT_S
    with _connect(url) as connection:
        while connection.execute(others).fetchone() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
    return True


def _tables(url: str) -> list[tuple[object, ...]]:
    with _connect(url) as connection:
        columns = connection.execute(  # of tables and indices
            "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a "
            "JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 "
            "UNION ALL SELECT 'version', version_num, '' FROM sparseift_version ORDER BY 1, 2"
        )
        return columns.fetchall()


def _empty(url: str) -> None:
    with _connect(url) as connection, connection.transaction():
        names = [sql.Identifier(str(name)) for (name,) in connection.execute(OURS).fetchall()]
        connection.execute(sql.SQL("; ").join(sql.SQL("DELETE FROM {}").format(name) for name in names))  # cascades
        connection.execute("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'")
