"""Lists with filters, labels, archive and deletion, against a service that plays a script."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from sparseift.cli.app import app
from sparseift.cli.failures import UsageProblem
from tests.client.script import Script

Say = Callable[..., str]
JOB: dict[str, Any] = {
    "id": "job_1", "name": "a [red]job[/red]", "state": "succeeded", "message": "", "labels": {"team": "vision"},
    "trials": {"complete": 3}, "created_at": "2026-05-01T10:00:00Z", "metric": {"unit": "%"},
}  # fmt: skip


def test_lists_are_filtered(script: Script, say: Say) -> None:
    script.answers = [(200, {"items": [JOB], "next_page_token": None}), (200, {"items": [], "next_page_token": None})]
    told = say("list", "--state", "running", "--state", "paused", "--label", "team=vision", "--sort", "updated")
    assert "a [red]job[/red]" in told, "a name is no markup"
    assert script.asked[0][1] == (
        "/v1/jobs?state=running&state=paused&archived=false&sort=updated&label=team%3Avision&limit=20"
    )
    assert say("list", "--name", "x", "--archived", "true") == "No job is as you ask."
    with pytest.raises(UsageProblem, match="--label team is not of the form key=value"):
        say("list", "--label", "team")


def test_trials_are_filtered_and_sorted(script: Script, say: Say) -> None:
    script.answers = [(200, {"items": [], "next_page_token": None}), (200, JOB)]
    say("trials", "job_1", "--kind", "confirm", "--min-sparsity", "0.5", "--sort", "-value")
    assert script.asked[0][1] == "/v1/jobs/job_1/trials?kind=confirm&min_sparsity=0.5&sort=-value&limit=500"


def test_a_job_is_labelled_and_renamed(script: Script, say: Say) -> None:
    script.answers = [(200, JOB)] * 2
    assert say("label", "job_1", "team=vision", "draft-", "--name", "n") == "job_1 (a [red]job[/red]): team=vision"
    assert script.bodies[0] == {"labels": {"team": "vision", "draft": None}, "name": "n"}
    for wrong in ((), ("team",), ("=x",), ("-",)):
        with pytest.raises(UsageProblem):
            say("label", "job_1", *wrong)


def test_several_jobs_are_put_away_at_once(script: Script, say: Say) -> None:
    script.answers = [(200, JOB), (200, {**JOB, "id": "job_2"}), (200, JOB)]
    assert say("archive", "job_1", "job_2") == "job_1 is succeeded. job_2 is succeeded."
    say("unarchive", "job_1")
    assert [path for _, path, _ in script.asked] == [
        "/v1/jobs/job_1:archive", "/v1/jobs/job_2:archive", "/v1/jobs/job_1:unarchive"
    ]  # fmt: skip


def test_a_job_is_deleted_when_its_user_says_so(script: Script, say: Say, api: str) -> None:
    script.answers = [(200, JOB)]
    kept = CliRunner().invoke(app, ["delete", "job_1", "--url", api], input="n\n")
    assert "Delete job_1 (a [red]job[/red], succeeded, 3 trials) for ever? [y/N]" in kept.output
    assert "job_1 is kept." in kept.output
    script.answers = [(200, JOB), (204, b"")]
    assert say("delete", "job_1", "--yes") == "job_1 is deleted."
    assert script.asked[-1][:2] == ("DELETE", "/v1/jobs/job_1")
    script.answers = [(200, JOB), (204, b"")]
    asked = CliRunner().invoke(app, ["delete", "job_1", "--json", "--url", api], input="y\n")
    assert json.loads(asked.stdout.removeprefix(" y\n")) == {"id": "job_1", "deleted": True}
    assert "for ever?" in asked.stderr
