"""`sparseift submit` and `clone`, against a service that plays a script."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.examples import DRY_RUN
from sparseift.cli.app import app
from sparseift.cli.failures import UNREACHABLE, UsageProblem, exit_code
from sparseift.client import ApiError, Unreachable
from tests.client.script import Script

Say = Callable[..., str]
NAME = "x [/x] [red]y[/red] :smile:"
JOB = {"id": "job_1", "name": NAME, "state": "succeeded", "message": ""}
EVENTS = b'id: 1\nevent: job.queued\ndata: {"id": 1, "kind": "job.queued"}\n\nevent: end\ndata: {}\n\n'


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "a job.yaml"
    path.write_text("model: mlp\ndataset: digits\n")
    return str(path)


def test_a_followed_submission_as_json_is_json_alone(script: Script, api: str, file: str) -> None:
    script.answers = [(201, JOB), (200, EVENTS), (200, JOB)]
    line = ["submit", file, "--follow", "--json", "--url", api]
    ended = CliRunner().invoke(app, line, catch_exceptions=False, env={"COLUMNS": "20"})
    assert [json.loads(told) for told in ended.stdout.splitlines()] == [{"id": 1, "kind": "job.queued"}, JOB]
    assert f"Submitted job_1 ({NAME})." in " ".join(ended.stderr.split())


@pytest.mark.parametrize(
    "line", [("submit", "FILE", "--follow"), ("submit", "FILE", "--key", "k"), ("clone", "job_1", "--key", "k")]
)
def test_a_dry_run_refuses_what_it_cannot_honour(say: Say, file: str, line: tuple[str, ...]) -> None:
    with pytest.raises(UsageProblem, match="--dry-run stores no job"):
        say(*(file if word == "FILE" else word for word in line), "--dry-run")


def test_a_clone_can_be_planned_first(script: Script, say: Say) -> None:
    script.answers = [(200, DRY_RUN), (200, DRY_RUN)]
    assert "nothing was stored" in say("clone", "job_1", "--set", "seed=1", "--dry-run")
    assert json.loads(say("clone", "job_1", "--dry-run", "--json")) == DRY_RUN
    assert [asked[:2] for asked in script.asked] == [("POST", "/v1/jobs/job_1:clone?dry_run=true")] * 2
    assert script.bodies[0] == {"seed": 1}


def test_a_lost_answer_comes_with_the_command_that_goes_on(script: Script, api: str, say: Say, file: str) -> None:
    script.answers = [(502, b"")] * 4
    with pytest.raises(ApiError, match="may have been made all the same") as caught:
        say("submit", file, "--set", "seed=1", "--label", "team=a")
    key = caught.value.idempotency_key
    told = f"Go on with: sparseift submit '{file}' --set seed=1 --label team=a --key {key} --url {api}"
    assert str(caught.value).endswith(told)
    script.answers = [(502, b"")] * 4
    with pytest.raises(ApiError, match=r"Go on with: sparseift clone job_1 --set seed=1 --key nightly --url"):
        say("clone", "job_1", "--set", "seed=1", "--key", "nightly")


def test_a_service_that_is_not_there_is_told_as_such(file: str) -> None:
    with pytest.raises(Unreachable, match=r"^No sparseift service answers at") as caught:
        CliRunner().invoke(app, ["submit", file, "--url", "http://127.0.0.1:9"], catch_exceptions=False)
    assert exit_code(caught.value) == UNREACHABLE
