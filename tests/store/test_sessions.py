"""Transactions and connections."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, text
from sqlalchemy.exc import DBAPIError

from store import attempts, jobs, listing
from store.sessions import Database
from store.tables import Attempt, Checkpoint, Event, Job, Report, Trial
from tests.store.samples import PLAN, SPEC, progress, running


def test_a_write_is_committed_and_an_error_rolls_it_back(database: Database) -> None:
    def fail_halfway() -> None:
        with database.write() as session:
            jobs.create(session, SPEC, PLAN)
            raise KeyError

    with database.write() as session:
        job, _ = jobs.create(session, SPEC, PLAN)
    with pytest.raises(KeyError):
        fail_halfway()
    with database.read() as session:
        assert [j.id for j in listing.page(session, limit=9)] == [job.id]


def test_a_reader_cannot_write(database: Database) -> None:
    with database.read() as session, pytest.raises(DBAPIError, match=r"read-?only"):
        jobs.create(session, SPEC, PLAN)
    with database.write() as session:
        jobs.create(session, SPEC, PLAN)


def test_a_reader_sees_one_snapshot_and_blocks_nobody(database: Database) -> None:
    with database.read() as reading:
        assert listing.page(reading, limit=9) == []
        with database.write() as writing:
            jobs.create(writing, SPEC, PLAN)
        assert listing.page(reading, limit=9) == []
    with database.read() as reading:
        assert len(listing.page(reading, limit=9)) == 1


def test_rows_stay_readable_after_their_transaction(database: Database) -> None:
    with database.write() as session:
        written, _ = jobs.create(session, SPEC, PLAN)
    with database.read() as session:
        read = jobs.get(session, written.id)
    assert (written.name, written.created_at_s) == (read.name, read.created_at_s)


def test_rows_go_with_their_job(database: Database) -> None:
    with database.write() as session:
        job, _, attempt = running(session)
        attempts.write_reports(session, attempt.id, attempt.token, [progress(1)])
        attempts.saved_checkpoint(session, attempt.id, attempt.token, 1, "x")
    with database.write() as session:
        session.execute(delete(Job).where(Job.id == job.id))
        for table in (Trial, Attempt, Report, Checkpoint, Event):
            assert session.scalars(select(func.count()).select_from(table)).one() == 0


def test_sqlite_writes_ahead_waits_for_others_and_keeps_references(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'some.db'}")
    with database.read() as session:
        settings = {
            name: session.scalars(text(f"PRAGMA {name}")).one()
            for name in ("journal_mode", "busy_timeout", "foreign_keys", "synchronous")
        }
    assert settings == {"journal_mode": "wal", "busy_timeout": 30_000, "foreign_keys": 1, "synchronous": 1}
    database.close()


def test_the_password_is_kept_for_connecting_and_not_shown() -> None:
    database = Database("postgresql://me:secret@127.0.0.1:1/db")
    assert database.url == "postgresql+psycopg://me:secret@127.0.0.1:1/db"
    assert "secret" not in repr(database)


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database\n" * 100)
    database = Database(f"sqlite:///{file}")
    with database.read() as session, pytest.raises((sqlite3.DatabaseError, DBAPIError), match="not a database"):
        listing.page(session, limit=1)
    assert file.read_text() == "not a database\n" * 100
