"""Words that rich would read as markup, shown by every command as they are; against a real service."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from sqlalchemy import update
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from sparseift.cli import options
from sparseift.cli.app import app
from store import attempts, jobs
from store.sessions import Database
from store.tables import Attempt, Job, Trial
from tests.cli.test_app import commands
from tests.faults.servers import Service
from tests.postgres import _free_port
from tests.service import history
from tests.service.fakes import DENSE_POINT

WORDS = "x [/x] [red]y[/red] :smile: [b"


@pytest.fixture
def address(database_url: str) -> Iterator[str]:
    port = _free_port()
    service = Service(database_url, port)
    yield f"http://127.0.0.1:{port}"
    service.kill()


def named(session: Session) -> Job:
    """An ended job whose every word is such."""
    job = history.claimed(session, replace(history.THREE, name=WORDS))
    for i, value in enumerate((90.0, 90.2)):
        history.completed(session, job, i, DENSE_POINT, "baseline", value, seed=i)
        history.completed(session, job, 2 + i, history.WIDE, "confirm", value + 1, seed=i)
    broken = history.begun(session, job, 4, history.PARALLEL, seed=2)
    attempts.fail(session, broken.id, broken.token, "diverged", WORDS)
    history.added(session, job, 5, history.REFUSED, state="infeasible", reason="infeasible", message=WORDS)
    jobs.finish(session, job.id, job.lease_token or "", "succeeded", "done", WORDS)
    session.execute(update(Trial).values(scale=WORDS))
    session.execute(update(Attempt).values(slot=WORDS))
    return job


# Each with whether the words stand in what it prints; JOB has ended, OPEN has not.
LINES: tuple[tuple[bool, tuple[str, ...]], ...] = (
    (True, ("label", "JOB", f"team={WORDS}")),
    (True, ("status", "JOB")), (True, ("show", "JOB")), (True, ("list",)), (True, ("trials", "JOB")),
    (True, ("trial", "JOB", "4")), (True, ("follow", "JOB")), (True, ("follow", "JOB", "--json")),
    (False, ("best", "JOB")), (False, ("curve", "JOB")), (False, ("compare", "JOB")), (False, ("equivalence", "JOB")),
    (False, ("pareto", "JOB")), (False, ("smooth", "JOB")), (False, ("importance", "JOB")), (False, ("ledger", "JOB")),
    (False, ("sizes",)), (False, ("report", "JOB")), (False, ("export", "JOB")), (False, ("workers",)),
    (False, ("slots",)), (False, ("pause", "OPEN")), (False, ("resume", "OPEN")), (False, ("prioritize", "OPEN", "3")),
    (False, ("extend", "OPEN", "--by", "search_trials=1")), (False, ("stop", "OPEN")), (False, ("cancel", "OPEN")),
    (True, ("archive", "JOB")), (True, ("unarchive", "JOB")), (False, ("delete", "JOB", "--yes")),
)  # fmt: skip
ELSEWHERE = {  # programs, what asks no service of a job, and what other files here ask with such words
    "demo", "serve", "worker", "init", "presets", "check", "doctor", "data list", "data fetch", "db upgrade",
    "db check", "tokens create", "tokens list", "tokens revoke", "tokens save", "submit", "clone", "logs", "download",
    "release",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_a_service_says_is_never_markup(
    database: Database, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options.out, "_width", 300)  # whoever made it first, and on what terminal
    with database.write() as session:
        ids = {"JOB": named(session).id, "OPEN": history.claimed(session, replace(history.THREE, name=WORDS)).id}
    for is_told, line in LINES:
        words = [ids.get(word, word) for word in line]
        result = CliRunner().invoke(app, [*words, "--url", address])
        assert result.exit_code == 0, (line, result.output, result.exception)
        if is_told:
            assert WORDS in result.output, line


def test_no_command_is_left_out() -> None:
    every = {" ".join(path) for path in commands(typer.main.get_command(app))}
    assert every == {line[0] for _, line in LINES} | ELSEWHERE
