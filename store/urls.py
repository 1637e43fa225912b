"""Which databases we speak to: SQLite in a file, PostgreSQL through psycopg 3."""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from sparseift.errors import InvalidValue

POSTGRESQL = "postgresql+psycopg"
DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    "postgresql+psycopg": POSTGRESQL,
}
LEGAL = "sqlite:///path/to/file.db or postgresql+psycopg://user@host/database"


def parse(url: str) -> URL:
    """The URL with our driver in it.

    Raises:
        InvalidValue: no URL, another database or driver, or an SQLite database that is not a plain file (in memory
            every connection would see its own).
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidValue(f"The database URL cannot be read; write {LEGAL}.") from None
    if parsed.drivername not in DRIVERS:
        raise InvalidValue(f"There is no support for databases of '{parsed.drivername}'; use {LEGAL}.")
    parsed = parsed.set(drivername=DRIVERS[parsed.drivername])
    if parsed.drivername == "sqlite" and not _is_plain_file(parsed):
        raise InvalidValue(
            f"The database '{url}' is not a plain file, so the service and the workers cannot share it; use {LEGAL}."
        )
    if parsed.drivername == POSTGRESQL and not parsed.database:
        raise InvalidValue(f"The database URL '{masked(parsed)}' names no database; use {LEGAL}.")
    return parsed


def masked(url: URL | str) -> str:
    """The URL for people's eyes: a password is not shown, wherever it stands."""
    parsed = make_url(url)
    if "password" in parsed.query:
        parsed = parsed.update_query_dict({"password": "MASKED"})
    return parsed.render_as_string(hide_password=True)


def file_of(url: URL) -> Path | None:
    """The file of an SQLite database; None for a server's."""
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _is_plain_file(url: URL) -> bool:
    name = url.database or ""
    return name not in ("", ":memory:") and not name.startswith("file:") and not url.query
