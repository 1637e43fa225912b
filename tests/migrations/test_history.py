"""The history of the tables: it leads to `store.tables` exactly, and back."""

import json
import runpy
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import main
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text

from sparseift.errors import InvalidValue
from sparseift.records import JobSpec
from store import jobs, listing, migrate
from store.sessions import Database
from store.tables import Attempt, Base
from tests.store.samples import PLAN, SPEC

ROOT = Path(__file__).resolve().parents[2]
TABLES = {"job", "trial", "attempt", "report", "checkpoint", "event", "token", "quota", "audit"} | {
    "label",
    "removal",
    "worker",
    "slot_release",
}


def differences(database: Database) -> list[object]:
    """What Alembic would change to make the database equal to `store.tables`."""
    options = {
        "version_table": migrate.VERSION_TABLE,
        "include_name": migrate.include_name,
        "compare_type": True,
    }
    with database.engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


def tables(database: Database) -> set[str]:
    """The database's tables without the version table."""
    with database.engine.connect() as connection:
        return set(inspect(connection).get_table_names()) - {migrate.VERSION_TABLE}


def test_the_migrations_make_the_tables_of_the_code(database: Database) -> None:
    assert differences(database) == []
    assert tables(database) == TABLES == set(Base.metadata.tables)


def test_keys_defaults_and_indexes_are_those_of_the_code(database: Database) -> None:
    with database.engine.begin() as connection:
        migrated = described(connection)
        Base.metadata.drop_all(connection)
        Base.metadata.create_all(connection)
        assert described(connection) == migrated


def described(connection: Connection) -> dict[str, list[str]]:
    """Columns with types and defaults, keys, constraints and indexes of our tables, in comparable form."""
    inspector = inspect(connection)
    seen: dict[str, list[str]] = {}
    for table in sorted(TABLES):
        for kind in ("columns", "foreign_keys", "unique_constraints", "indexes"):
            rows = getattr(inspector, f"get_{kind}")(table)
            seen[f"{table} {kind}"] = sorted(str(sorted((k, plain(v)) for k, v in row.items())) for row in rows)
        seen[f"{table} key"] = [str(inspector.get_pk_constraint(table))]
    return seen


def plain(value: object) -> str:
    """A reflected property as text; SQL fragments stand in dictionaries as objects."""
    return str(sorted((k, str(v)) for k, v in value.items())) if isinstance(value, dict) else str(value)


def test_down_to_nothing_and_up_again(database: Database) -> None:
    with database.write() as session:
        jobs.create(session, SPEC, PLAN)
    with migrate.transaction(database) as connection:
        command.downgrade(migrate.config(connection), "base")
    assert tables(database) == set()
    assert migrate.current(database) is None
    migrate.upgrade(database.url)
    assert differences(database) == []
    with database.read() as session:
        assert listing.page(session, limit=1) == []


def test_the_history_is_one_line_of_named_files() -> None:
    history = list(ScriptDirectory.from_config(migrate.config()).walk_revisions())
    assert history[-1].revision == "0001_jobs_trials_attempts"
    for script in history:
        path = Path(script.path)
        assert path.stem == script.revision
        assert not script.is_merge_point
        assert not script.is_branch_point
        assert callable(runpy.run_path(str(path))["downgrade"])


def test_alembic_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'cli.db'}"
    arguments = ["-c", str(ROOT / "alembic.ini"), "-x", f"database={url}"]
    main([*arguments, "upgrade", "head"])
    main([*arguments, "check"])
    database = Database(url)
    migrate.check_revision(database)
    database.close()
    for refused in (["upgrade", "head"], ["-x", f"database={url}", "upgrade", "head", "--sql"]):
        with pytest.raises(InvalidValue, match="alembic -x database=URL upgrade head"):
            main([*arguments[:2], *refused])


@pytest.mark.parametrize(
    ("wanted", "closed", "kind", "wish"),
    [
        (None, "", "search", "hand_back"),
        (None, "stopped", "confirm", "hand_back"),
        ("stop", "stopped", "search", "stop"),
        ("cancel", "", "search", "cancel"),
    ],
)
def test_an_attempt_that_was_told_to_stop_is_told_what_for(
    empty_database_url: str, wanted: str | None, closed: str, kind: str, wish: str
) -> None:
    database = Database(empty_database_url)
    with migrate.transaction(database) as connection:
        command.upgrade(migrate.config(connection), "0004_labels")
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO job (id, name, spec, plan, state, wanted, search_closed, created_at_s, updated_at_s) "
                "VALUES ('job_1', 'old', '{}', '{}', 'running', :wanted, :closed, 1, 1)"
            ),
            {"wanted": wanted, "closed": closed},
        )
        connection.execute(
            text(
                "INSERT INTO trial (job_id, number, kind, family, configuration, configuration_key, sparsity, seed, "
                "created_at_s, state) VALUES ('job_1', 0, :kind, 'sparse_wide', '{}', 'k', 0.5, 1, 1, 'running')"
            ),
            {"kind": kind},
        )
        for number in (1, 2):
            connection.execute(
                text(
                    "INSERT INTO attempt (trial_id, number, token, lease_expires_at_s, worker, slot, started_at_s, "
                    "environment, stop) VALUES (1, :number, 't', 1, 'w', 's', 1, '{}', :stop)"
                ),
                {"number": number, "stop": number == 2},
            )
    for _ in range(2):
        migrate.upgrade(database.url)
        with database.read() as session:
            assert list(session.scalars(select(Attempt.stop).order_by(Attempt.number))) == ["", wish]
        with migrate.transaction(database) as connection:
            command.downgrade(migrate.config(connection), "0004_labels")
        with database.engine.connect() as connection:
            asked = connection.execute(text("SELECT stop FROM attempt ORDER BY number")).scalars()
            assert [bool(stop) for stop in asked] == [False, True]
    database.close()


def test_what_the_first_version_wrote_goes_on(empty_database_url: str) -> None:
    """A job of 0001 with an attempt handed back, one lost and one that runs, up, down and up again."""
    database = Database(empty_database_url)
    with migrate.transaction(database) as connection:
        command.upgrade(migrate.config(connection), "0001_jobs_trials_attempts")
    old_spec = {k: v for k, v in SPEC.to_json().items() if k != "priority"}
    old_spec["budget"] = {"search_trials": 4, "confirm_seeds": 2}
    rows = {
        "job": {
            "id": "job_1", "name": "old", "idempotency_key": "key", "spec": json.dumps(old_spec),
            "plan": json.dumps(PLAN.to_json()), "state": "running", "created_at_s": 1.0, "updated_at_s": 2.0,
        },
        "trial": {
            "job_id": "job_1", "number": 0, "kind": "search", "family": "sparse_wide", "configuration": "{}",
            "configuration_key": "k", "sparsity": 0.5, "seed": 1, "created_at_s": 1.0, "state": "running",
        },
        "attempt": {
            "trial_id": 1, "number": 1, "token": "t", "lease_expires_at_s": 1.0, "worker": "w", "slot": "s",
            "started_at_s": 1.0, "environment": "{}", "state": "lost", "failure_class": "",
        },
    }  # fmt: skip
    more = [{"number": 2, "failure_class": "infrastructure"}, {"number": 3, "state": "running"}]
    with database.engine.begin() as connection:
        for table, values in (*rows.items(), *(("attempt", rows["attempt"] | m) for m in more)):
            names = ", ".join(values)
            places = ", ".join(f":{name}" for name in values)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)

    for _ in range(2):
        migrate.upgrade(database.url)
        with database.write() as session:
            states = list(session.scalars(select(Attempt.state).order_by(Attempt.number)))
            assert states == ["handed_back", "lost", "running"]
            job = jobs.get(session, "job_1")
            assert (job.priority, job.search_closed, job.started_at_s, job.active_since_s) == (0, "", 1.0, 2.0)
            assert JobSpec.from_json(job.spec) == SPEC
            assert jobs.create(session, SPEC, PLAN, "key")[0].id == "job_1"
        with migrate.transaction(database) as connection:
            command.downgrade(migrate.config(connection), "0001_jobs_trials_attempts")
    with database.engine.connect() as connection:
        kept = list(connection.execute(text("SELECT state, failure_class FROM attempt ORDER BY number")))
    assert [tuple(row) for row in kept] == [("lost", ""), ("lost", "infrastructure"), ("running", "")]
    database.close()
