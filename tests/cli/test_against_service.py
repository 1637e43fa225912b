"""Every command that shows something, against a real service with a finished job; --json is what the API answers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparseift.cli.app import app
from sparseift.cli.failures import UsageProblem
from sparseift.client import ApiError, Client
from store.sessions import Database
from tests.faults.servers import Service
from tests.postgres import _free_port
from tests.service import history

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]

Say = Callable[..., str]


@pytest.fixture
def address(database_url: str) -> Iterator[str]:
    port = _free_port()
    service = Service(database_url, port)
    yield f"http://127.0.0.1:{port}"
    service.kill()


@pytest.fixture
def tell(address: str) -> Say:
    def run(*line: str) -> str:
        result = CliRunner().invoke(app, [*line, "--url", address], catch_exceptions=False, env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output
        return result.output

    return run


LOOKS = (
    ("status", "JOB"), ("list",), ("trials", "JOB"), ("trial", "JOB", "3"), ("best", "JOB"), ("curve", "JOB"),
    ("compare", "JOB"), ("equivalence", "JOB"), ("pareto", "JOB"), ("smooth", "JOB"), ("importance", "JOB"),
    ("ledger", "JOB"), ("sizes",), ("workers",), ("slots",),
)  # fmt: skip


def test_everything_can_be_looked_at_and_taken_as_json(database: Database, address: str, tell: Say) -> None:
    with database.write() as session:
        job_id = history.over(session).id
    with Client(address) as client:
        for look in LOOKS:
            line = [job_id if word == "JOB" else word for word in look]
            shown = tell(*line)
            assert shown.strip()
            assert "None" not in shown, look
            json.loads(tell(*line, "--json"))
        assert json.loads(tell("status", "last", "--json"))["id"] == client.job(job_id)["id"] == job_id
        assert json.loads(tell("compare", "last", "--json")) == client.answer(job_id, "compare")
        assert [t["number"] for t in json.loads(tell("trials", "last", "--json"))] == [
            t["number"] for t in client.trials(job_id)
        ]
    assert "Wide" in tell("compare", job_id)


def test_rows_and_charts_are_saved(database: Database, tell: Say, tmp_path: Path) -> None:
    with database.write() as session:
        job_id = history.over(session).id
    assert len(tell("export", job_id).splitlines()) == 6
    tell("export", job_id, "--what", "reports", "--output", str(tmp_path / "reports.csv"))
    files = {name: tmp_path / f"curve.{name}" for name in ("csv", "svg", "html")}
    tell("curve", job_id, *(word for name, path in files.items() for word in (f"--{name}", str(path))))
    assert files["svg"].read_text().startswith("<svg")
    assert "<html" in files["html"].read_text()
    assert "sparse_wide" in files["csv"].read_text()
    saved = json.loads(tell("curve", job_id, "--save", str(files["svg"]), "--json"))
    assert saved == {"job": job_id, "files": [str(files["svg"])]}
    with pytest.raises(UsageProblem, match="there is no folder"):
        tell("curve", job_id, "--png", str(tmp_path / "none" / "curve.png"))


def test_a_report_is_written_and_printed(database: Database, tell: Say, tmp_path: Path) -> None:
    with database.write() as session:
        job_id = history.over(session).id
    page, text = tmp_path / "report.html", tmp_path / "report.md"
    assert f"Saved {page}" in tell("report", job_id, "--to", str(page))
    tell("report", "last", "--to", str(text))
    assert "<svg" in page.read_text()
    assert text.read_text() == tell("report", job_id)
    assert json.loads(tell("report", "last", "--json")) == {"job": job_id, "markdown": text.read_text()}
    saved = json.loads(tell("report", "last", "--to", str(text), "--json"))
    assert saved == {"job": job_id, "files": [str(text)]}
    assert "## How to cite" in text.read_text()
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(("report", ".report"))) == [
        "report.html", "report.md",
    ]  # fmt: skip
    with pytest.raises(UsageProblem, match=r"a report is written as \.html or \.md"):
        tell("report", job_id, "--to", str(tmp_path / "report.pdf"))
    with pytest.raises(UsageProblem, match="there is no folder"):
        tell("report", job_id, "--to", str(tmp_path / "none" / "report.md"))


def test_a_job_is_kept_and_let_go(database: Database, tell: Say) -> None:
    with database.write() as session:
        job_id = history.over(session).id
    assert "team=vision" in tell("label", job_id, "team=vision", "--name", "the best")
    assert job_id in tell("list", "--label", "team=vision", "--name", "best", "--state", "succeeded")
    assert "No job is as you ask." in tell("list", "--label", "team=text")
    tell("archive", job_id)
    assert "No jobs." in tell("list")
    assert job_id in tell("list", "--archived", "true")
    tell("unarchive", job_id)
    assert "is deleted" in tell("delete", job_id, "--yes")
    with pytest.raises(ApiError, match="There is no job"):
        tell("status", job_id)


def test_a_trial_is_chosen_by_its_value(database: Database, tell: Say) -> None:
    with database.write() as session:
        job_id = history.half_done(session).id
    line = ("trials", job_id, "--state", "complete", "--sort", "-value", "--limit", "1", "--json")
    assert [t["number"] for t in json.loads(tell(*line))] == [3]
    assert "diverged" in tell("trial", job_id, "5")


def test_a_job_is_followed_as_lines_of_json(database: Database, tell: Say) -> None:
    with database.write() as session:
        job_id = history.over(session).id
    *events, job = map(json.loads, tell("follow", job_id, "--json").splitlines())
    assert (events[0]["kind"], events[-1]["kind"], job["state"]) == ("job.queued", "job.succeeded", "succeeded")
    assert [event["id"] for event in events] == sorted({event["id"] for event in events})
    shown = tell("follow", job_id)
    assert "job succeeded. Every trial has ended." in shown
    assert "Wide" in shown
