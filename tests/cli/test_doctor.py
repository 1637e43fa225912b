"""The installation, checked: each finding has its level and what to do."""

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparseift.cli import checks
from sparseift.cli.app import app
from sparseift.cli.folders import Folders
from tests.client.script import Script

NOBODY = "http://127.0.0.1:9"


def test_what_runs_these_tests_has_no_problem() -> None:
    found = [checks.python(), checks.torch(), checks.installation(), *checks.packages()]
    assert {finding.level for finding in found} <= {"ok", "note"}
    assert all(finding.advice for finding in found if finding.level not in ("ok", "note"))


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_a_database_at_this_version_is_right_and_so_is_its_clock(database_url: str) -> None:
    revision, clock = checks.database(database_url)
    assert (revision.level, clock.level) == ("ok", "ok")
    assert "is at revision" in revision.text


def test_databases_that_are_not_right_say_what_to_do(tmp_path: Path, empty_database_url: str) -> None:
    (found,) = checks.database("mysql://x/y")
    assert (found.level, "no support for databases of 'mysql'" in found.text) == ("problem", True)
    (found,) = checks.database(empty_database_url)
    assert "sparseift db upgrade" in found.text
    is_file = empty_database_url.startswith("sqlite")
    assert found.level == ("note" if is_file else "problem")
    (found,) = checks.database("postgresql://u:secret@127.0.0.1:1/x")
    assert found.level == "problem"
    assert "secret" not in found.text + found.advice


def test_the_data_folder_is_looked_at_without_being_made(tmp_path: Path) -> None:
    found = checks.data_folder(Folders(tmp_path / "a" / "b"))
    assert found.level in ("ok", "warning")
    assert "(not there yet)" in found.text
    assert not (tmp_path / "a").exists()
    blocked = checks.data_folder(Folders(Path("/dev/null/x")))
    assert (blocked.level, "--data" in blocked.advice) == ("problem", True)


def test_data_sets_are_found_by_what_is_decoded(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    assert checks.data_sets(folders).text.startswith("ready: digits; not fetched: cifar10")
    (folders.datasets / "cifar10").mkdir(parents=True)
    (folders.datasets / "cifar10" / "images.npz").touch()
    assert checks.data_sets(folders).text.startswith("ready: digits, cifar10; not fetched: ")


def test_a_service_is_asked_whether_it_is_ready(script: Script, api: str) -> None:
    script.answers = [(200, {"status": "ready"}), (503, {"detail": "The database is at another revision."})]
    ready, clock = checks.service(api)
    assert (ready.level, clock.level) == ("ok", "ok")
    broken, _ = checks.service(api)
    assert (broken.level, broken.text) == ("problem", f"{api} is not ready: The database is at another revision.")
    (nobody,) = checks.service(NOBODY)
    assert (nobody.level, "sparseift serve" in nobody.advice) == ("note", True)


def test_clocks_that_differ_are_told() -> None:
    assert checks.clock("the database", 0.2).level == "ok"
    wrong = checks.clock("the database", -7.25)
    assert (wrong.level, "7.2 s" in wrong.text, "NTP" in wrong.advice) == ("warning", True, True)


def test_ports_are_free_ours_or_somebodys() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (taken,) = checks.ports((port,), NOBODY)
        (ours,) = checks.ports((port,), f"http://127.0.0.1:{port}/")
    (free,) = checks.ports((port,), NOBODY)
    assert [taken.level, ours.level, free.level] == ["note", "ok", "ok"]
    assert "--port" in taken.advice


def test_the_command_changes_nothing_and_ends_with_1_where_something_is_wrong(tmp_path: Path) -> None:
    def run(*more: str) -> tuple[int, str]:
        line = ["doctor", "--data", str(tmp_path / "data"), "--url", NOBODY, *more]
        result = CliRunner().invoke(app, line, catch_exceptions=False)
        return result.exit_code, result.output

    code, told = run()
    assert code == 0, told
    assert "Nothing is wrong." in told
    code, told = run("--database", "mysql://x/y", "--json")
    assert code == 1
    assert [f["level"] for f in json.loads(told) if f["name"] == "database"] == ["problem"]
    assert list(tmp_path.iterdir()) == []
