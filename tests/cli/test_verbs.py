"""What is asked of jobs on the command line, against a real service."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparseift.cli.app import app
from sparseift.cli.failures import UsageProblem
from store import jobs
from store.sessions import Database
from tests.faults.servers import Service
from tests.postgres import _free_port
from tests.service import history

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]


@pytest.fixture
def api(database_url: str) -> Iterator[str]:
    port = _free_port()
    service = Service(database_url, port)
    yield f"http://127.0.0.1:{port}"
    service.kill()


def test_a_job_is_led_through_its_life(database: Database, api: str, tmp_path: Path) -> None:
    def say(*line: str) -> str:
        result = CliRunner().invoke(app, [*line, "--api", api], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return " ".join(result.output.split())

    with database.write() as session:
        job_id = history.half_done(session).id
    assert f"{job_id} is paused. A user paused the job." in say("pause", "last")
    assert "is paused" in say("pause", job_id, "--hand-back")
    assert "is running. A user resumed the job." in say("resume", job_id)
    assert "with priority 5" in say("prioritize", job_id, "5")
    say("extend", job_id, "--by", "search_trials=3", "--to", "failures_allowed=9")
    with database.read() as session:
        assert jobs.get(session, job_id).spec["budget"]["search_trials"] == 7
    assert "is stopping" in say("stop", job_id, "--now")
    assert "is stopping. A user asked to cancel the job." in say("cancel", job_id)
    for wrong in ((), ("--by", "speed=1"), ("--by", "search_trials=x"), ("--by", "device_hours=1")):
        with pytest.raises(UsageProblem):
            say("extend", job_id, *wrong)
