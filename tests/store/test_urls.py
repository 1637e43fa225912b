"""Database URLs."""

from pathlib import Path

import pytest

from sparseift.errors import InvalidValue
from store import urls


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("sqlite:///some.db", "sqlite:///some.db"),
        ("sqlite+pysqlite:////abs/some.db", "sqlite:////abs/some.db"),
        ("postgres://me:pw@host:5433/db", "postgresql+psycopg://me:pw@host:5433/db"),
        ("postgresql://host/db?sslmode=require", "postgresql+psycopg://host/db?sslmode=require"),
        ("postgresql+psycopg://host/db", "postgresql+psycopg://host/db"),
    ],
)
def test_our_driver_is_put_in(url: str, parsed: str) -> None:
    assert urls.parse(url).render_as_string(hide_password=False) == parsed


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://me:secret@host/db", "databases of 'mysql'"),
        ("postgresql+psycopg2://host/db", "'postgresql\\+psycopg2'"),
        ("sqlite+aiosqlite:///a.db", "'sqlite\\+aiosqlite'"),
        ("sqlite://", "not a plain file"),
        ("sqlite:///:memory:", "not a plain file"),
        ("sqlite:///file:a?mode=memory&uri=true", "not a plain file"),
        ("postgresql://me:secret@host", "names no database"),
        ("some.db", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_others_are_refused_with_the_legal_ones_and_no_password(url: str, why: str) -> None:
    with pytest.raises(InvalidValue, match=why) as caught:
        urls.parse(url)
    assert "sqlite:///path/to/file.db or postgresql+psycopg://user@host/database" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_passwords_are_masked() -> None:
    assert urls.masked("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"
    assert "secret" not in urls.masked("postgresql://me@host/db?password=secret")


def test_the_file_of_a_database() -> None:
    assert urls.file_of(urls.parse("sqlite:////data/a.db")) == Path("/data/a.db")
    assert urls.file_of(urls.parse("postgresql://host/db")) is None
