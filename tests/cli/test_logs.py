"""`sparseift logs`, against a service that plays a script."""

import json
from collections.abc import Callable

from typer.testing import CliRunner

from sparseift.cli.app import app
from tests.client.script import Script

PIECES = ("one [red]two[/red]\n", "three :smile: [/x]\n")


def test_output_is_shown_as_it_is_and_as_lines_of_json(script: Script, api: str, say: Callable[..., str]) -> None:
    pieces = [(text, False) for text in PIECES] + [("", True)]
    answers = [(200, {"attempt": 1, "text": text, "next_offset": 9, "ended": ended}) for text, ended in pieces]
    script.answers = [*answers]
    shown = CliRunner().invoke(app, ["logs", "job_1", "4", "--url", api], catch_exceptions=False)
    assert shown.stdout == "".join(PIECES)
    script.answers = [*answers]
    told = CliRunner().invoke(app, ["logs", "job_1", "4", "-f", "--json", "--url", api], catch_exceptions=False)
    assert [json.loads(line) for line in told.stdout.splitlines()] == [
        {"job": "job_1", "trial": 4, "text": text} for text in PIECES
    ]
