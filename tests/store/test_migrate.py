"""Bringing a database to this program's tables, and refusing others."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import inspect, make_url, text

from store import jobs, migrate, urls
from store.errors import Unavailable, WrongRevision
from store.sessions import Database
from tests.store.samples import PLAN, SPEC


def test_an_empty_database_is_refused_with_the_command(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    with pytest.raises(WrongRevision) as caught:
        migrate.check_revision(database)
    shown = urls.masked(database.url)
    assert f"run: sparseift db upgrade --database {shown}" in str(caught.value)
    assert migrate.current(database) is None
    file = urls.file_of(make_url(database.url))
    assert file is None or not file.exists()
    database.close()


def test_upgrading_makes_a_database_right_and_may_be_repeated(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    database = Database(empty_database_url)
    migrate.check_revision(database)
    assert migrate.current(database) == migrate.head()
    with database.write() as session:
        job, _ = jobs.create(session, SPEC, PLAN)
    migrate.upgrade(empty_database_url)
    with database.read() as session:
        assert jobs.get(session, job.id).name == "digits"
    database.close()


def test_two_upgrades_at_once_do_no_harm(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate.upgrade, [empty_database_url] * 4))
    database = Database(empty_database_url)
    migrate.check_revision(database)
    database.close()


def test_the_working_directory_does_not_matter(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    migrate.upgrade(empty_database_url)
    database = Database(empty_database_url)
    migrate.check_revision(database)
    database.close()


def test_a_newer_database_is_refused_and_left_alone(database: Database) -> None:
    with database.write() as session:
        session.execute(text(f"UPDATE {migrate.VERSION_TABLE} SET version_num = '9999_from_the_future'"))
    for refuse in (lambda: migrate.check_revision(database), lambda: migrate.upgrade(database.url)):
        with pytest.raises(WrongRevision, match=r"'9999_from_the_future'.*update this program"):
            refuse()
    assert migrate.current(database) == "9999_from_the_future"


def test_the_folder_of_a_file_is_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'folder' / 'sparseift.db'}"
    migrate.upgrade(url)
    database = Database(url)
    migrate.check_revision(database)
    database.close()


def test_the_tables_of_others_stay_untouched(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    with database.write() as session:
        session.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        session.execute(text("INSERT INTO alembic_version VALUES ('v3.0.0.d')"))
        session.execute(text("CREATE TABLE studies (study_id INTEGER PRIMARY KEY)"))
    migrate.upgrade(empty_database_url)
    with database.read() as session:
        assert session.scalars(text("SELECT version_num FROM alembic_version")).one() == "v3.0.0.d"
        assert "studies" in inspect(session.connection()).get_table_names()
    migrate.check_revision(database)
    database.close()


def test_what_cannot_be_opened_is_said_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database\n" * 100)
    for url, cause in (
        (f"sqlite:///{file}", "file is not a database"),
        (f"sqlite:///{tmp_path}", "unable to open"),
        (f"sqlite:///{file}/below/a.db", "Not a directory"),
        ("postgresql://me:secret@127.0.0.1:1/db", "refused"),
    ):
        with pytest.raises(Unavailable, match=cause) as caught:
            migrate.upgrade(url)
        assert "secret" not in str(caught.value)
        assert "\n" not in str(caught.value)
    assert file.read_text() == "not a database\n" * 100


def test_a_password_is_masked_in_the_command() -> None:
    database = Database("postgresql://me:secret@127.0.0.1:1/db")
    with pytest.raises(Unavailable) as caught:
        migrate.check_revision(database)
    assert "me:***@127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)
