"""`sparseift tokens`: at the database, over HTTP, and a real service that asks for them."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparseift.cli.app import app
from sparseift.client import ApiError, Client
from store import tokens
from store.sessions import Database
from tests.client.script import Script
from tests.service.test_main import served

ROW = {
    "id": "tok_1", "name": "nightly", "scope": "submit", "project": "vision", "created_by": "", "revoked_at": None,
    "created_at": "2026-05-04T09:30:00Z", "expires_at": "2026-08-02T09:30:00Z", "last_used_at": None,
}  # fmt: skip


@pytest.fixture(autouse=True)
def nobodys_tokens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("SPARSEIFT_TOKEN", raising=False)


def test_the_first_token_is_made_at_the_database(database_url: str, database: Database) -> None:
    line = ["tokens", "create", "operator", "--scope", "admin", "--days", "0", "--database", database_url]
    result = CliRunner().invoke(app, line, catch_exceptions=False)
    assert result.exit_code == 0
    assert re.fullmatch(rf"{tokens.SHAPE.pattern}\n", result.stdout)  # alone, to be piped
    assert "operator" in result.stderr
    with database.read() as session:
        found = tokens.present(session, result.stdout.strip())
        assert found.standing == "live"
        assert found.token is not None
        assert (found.token.scope, found.token.project, found.token.expires_at_s) == ("admin", None, None)
        assert tokens.has_admin(session)


def test_over_http(script: Script, say: Callable[..., str]) -> None:
    script.answers = [(201, ROW | {"token": "sift_x"}), (200, {"items": [ROW], "next_page_token": None}), (204, b"")]
    assert "sift_x" in say("tokens", "create", "nightly", "--project", "vision")
    shown = say("tokens", "list")
    assert "nightly" in shown
    assert "2026-08-02" in shown
    assert "tok_1 is revoked." in say("tokens", "revoke", "tok_1")
    script.answers = [(204, b"")]
    assert json.loads(say("tokens", "revoke", "tok_1", "--json")) == {"id": "tok_1", "revoked": True}
    script.asked.pop()
    assert [(method, path.split("?")[0]) for method, path, _ in script.asked] == [
        ("POST", "/v1/tokens"), ("GET", "/v1/tokens"), ("DELETE", "/v1/tokens/tok_1"),
    ]  # fmt: skip
    assert script.bodies[0] == {"name": "nightly", "scope": "submit", "project": "vision", "expires_in_days": 90.0}


def test_a_token_is_kept_once_it_was_tried(script: Script, api: str, tmp_path: Path) -> None:
    script.answers = [(401, {"detail": "No."}), (200, {"name": "me"}), (200, {"items": [], "next_page_token": None})]
    with pytest.raises(ApiError):
        CliRunner().invoke(app, ["tokens", "save", "--url", api], input="wrong\n", catch_exceptions=False)
    kept = CliRunner().invoke(app, ["tokens", "save", "--url", api], input="right\n", catch_exceptions=False)
    assert "right" not in kept.output
    script.answers.insert(0, (200, {"name": "me"}))
    told = CliRunner().invoke(app, ["tokens", "save", "--json", "--url", api], input="right\n", catch_exceptions=False)
    where = tmp_path / "config" / "sparseift" / "tokens.json"
    assert json.loads(told.stdout) == {"name": "me", "url": api, "files": [str(where)]}
    CliRunner().invoke(app, ["tokens", "list", "--url", api], catch_exceptions=False)
    assert [headers["Authorization"] for _, _, headers in script.asked] == [
        "Bearer wrong",
        "Bearer right",
        "Bearer right",
        "Bearer right",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_service_that_asks_for_tokens(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From an empty database to a colleague's submission, with the commands alone."""
    runner = CliRunner()
    first = runner.invoke(app, ["tokens", "create", "op", "--scope", "admin", "--database", database_url])
    with served(database_url, "--require-tokens") as (_, address):

        def command(*line: str) -> str:
            result = runner.invoke(app, [*line, "--url", address], catch_exceptions=False)
            assert result.exit_code == 0, result.output
            return result.stdout

        with pytest.raises(ApiError, match="Send a token"):
            runner.invoke(app, ["list", "--url", address], catch_exceptions=False)
        monkeypatch.setenv("SPARSEIFT_TOKEN", first.stdout.strip())
        theirs = command("tokens", "create", "colleague", "--project", "vision").strip()
        assert "colleague" in command("tokens", "list")
        monkeypatch.setenv("SPARSEIFT_TOKEN", theirs)
        assert command("list").strip() == "No jobs."
        with pytest.raises(ApiError, match="needs a token of scope 'admin'"):
            command("tokens", "list")
        monkeypatch.setenv("SPARSEIFT_TOKEN", first.stdout.strip())
        command("tokens", "revoke", re.split("_(?=[^_]*$)", theirs)[0].removeprefix("sift_"))
        with Client(address, token=theirs) as client, pytest.raises(ApiError, match="no valid token") as refused:
            client.me()
        assert refused.value.status == 401
        with Client(address, token=first.stdout.strip()) as client:
            assert [row["action"] for row in client.audit()] == ["revoke_token", "create_token"]
