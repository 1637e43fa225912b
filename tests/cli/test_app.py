"""The command tree: help with examples, and one sentence with the right exit code for what goes wrong."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from sparseift.cli.app import app

NOBODY = "http://127.0.0.1:9"


def commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    children = getattr(group, "commands", None)
    if children is None:
        return [path]
    return [found for name, child in children.items() for found in commands(child, (*path, name))]


COMMANDS = commands(typer.main.get_command(app))


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", "from sparseift.cli.app import main; main()", *arguments]
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "COLUMNS": "200"}
    return subprocess.run(line, capture_output=True, text=True, timeout=60, cwd=cwd, env=environment, check=False)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_shows_examples(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Examples:" in result.output
    assert f"sparseift {' '.join(command)}" in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (
            ("status", "--api", NOBODY),
            1,
            f"No sparseift service answers at {NOBODY}; start one with `sparseift serve`.",
        ),
        (
            ("data", "fetch", "imagenet"),
            2,
            "There is no data set 'imagenet'; the known ones are digits, cifar10, sotu.",
        ),
        (("curve", "job_1", "--save", "curve.pdf"), 2, "curve.pdf has no known suffix"),
        (("submit", "missing.yaml", "--api", NOBODY), 2, "missing.yaml cannot be read"),
        (("db", "check"), 1, "sparseift db upgrade --database sqlite:///"),
        (("db", "upgrade", "--database", "mysql://x/y"), 2, "There is no support for databases of 'mysql'"),
        (("db", "upgrade", "--data", "/dev/null/x"), 2, "The data folder /dev/null/x cannot be made"),
        (("submit",), 2, "Missing argument"),
        (("serve", "--port", "99999"), 2, "Port 99999 (API) is none; it must lie in [1, 65535]."),
        (("serve", "--port", "-1"), 2, "Port -1 (API) is none"),
        (("serve", "--notebooks-port", "65536"), 2, "Port 65536 (notebooks) is none"),
        (
            ("serve", "--port", "8123", "--notebooks-port", "8123"),
            2,
            "--port and --notebooks-port are both 8123; choose",
        ),
        (("worker", "--slots", "0"), 2, "Invalid value for '--slots'"),
        (("demo", "--output", "/dev/null/x"), 2, "The output folder /dev/null/x cannot be made: Not a directory."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_goes_wrong_is_a_sentence(arguments: tuple[str, ...], code: int, sentence: str, tmp_path: Path) -> None:
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == code
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_a_database_is_made_and_found_right(tmp_path: Path) -> None:
    assert run("db", "upgrade", cwd=tmp_path).returncode == 0
    assert run("db", "check", cwd=tmp_path).returncode == 0
