"""The command tree: help with examples, and one sentence with the right exit code for what goes wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from sparseift.cli.app import app
from sparseift.cli.failures import MEANINGS
from store import migrate

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
            3,
            f"No sparseift service answers at {NOBODY}; start one with `sparseift serve`.",
        ),
        (
            ("data", "fetch", "mnist"),
            2,
            "There is no data set 'mnist'; the known ones are digits, cifar10, sotu, cifar100, wikitext103, imagenet.",
        ),
        (("curve", "job_1", "--save", "curve.pdf"), 2, "curve.pdf has no known suffix"),
        (("submit", "missing.yaml", "--api", NOBODY), 2, "missing.yaml cannot be read"),
        (("db", "check"), 1, "sparseift db upgrade --database sqlite:///"),
        (("db", "upgrade", "--database", "mysql://x/y"), 2, "There is no support for databases of 'mysql'"),
        (("db", "upgrade", "--data", "/dev/null/x"), 2, "The data folder /dev/null/x cannot be made"),
        (("submit",), 2, "Name a job file, or a preset with --preset"),
        (("serve", "--port", "99999"), 2, "Port 99999 (API) is none; it must lie in [1, 65535]."),
        (("serve", "--port", "-1"), 2, "Port -1 (API) is none"),
        (("serve", "--notebooks-port", "65536"), 2, "Port 65536 (notebooks) is none"),
        (
            ("serve", "--port", "8123", "--notebooks-port", "8123"),
            2,
            "--port and --notebooks-port are both 8123; choose",
        ),
        (("worker", "--slots", "0"), 2, "Invalid value for '--slots'"),
        (("worker", "--gpus-per-slot", "0.5"), 2, "--gpus-per-slot is of --engine ray"),
        (("serve", "--engine", "ray", "--gpu-fraction", "0.5"), 2, "write --gpus-per-slot 0.5"),
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


def test_the_address_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPARSEIFT_URL", "SPARSEIFT_API"):
        monkeypatch.setenv(name, NOBODY)
        result = run("list")
        assert (result.returncode, NOBODY in result.stderr) == (3, True)
        monkeypatch.delenv(name)


def test_exit_codes_are_in_the_help_and_in_the_reference() -> None:
    told = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "errors.md").read_text()
    for code, meaning in MEANINGS.items():
        assert f"{code} {meaning}" in told
        assert f"| {code} | {meaning} |" in page


def test_no_colour_where_none_is_wanted() -> None:
    program = "from sparseift.cli.options import err; err.print('x', style='red')"
    forced = {**os.environ, "FORCE_COLOR": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    forced.pop("NO_COLOR", None)
    shown = {}
    for name, environment in {"colour": forced, "none": {**forced, "NO_COLOR": "1"}}.items():
        line = [sys.executable, "-c", program]
        shown[name] = subprocess.run(line, capture_output=True, text=True, env=environment, timeout=60, check=True)
    assert "\x1b[31m" in shown["colour"].stderr
    assert shown["none"].stderr == "x\n"


@pytest.mark.parametrize(("typed", "offered"), [("sparseift pri", "prioritize"), ("sparseift db u", "upgrade")])
def test_a_shell_completes_commands(typed: str, offered: str) -> None:
    words = typed.split()
    environment = {
        **os.environ,
        "_SPARSEIFT_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    line = [sys.executable, "-c", "import sys; sys.argv[0] = 'sparseift'; from sparseift.cli.app import main; main()"]
    result = subprocess.run(line, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert result.stdout.split() == [offered], result.stderr


def test_completion_is_installed_where_bash_reads_it(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    program = "import sys; sys.argv[0] = 'sparseift'; from sparseift.cli.app import main; main()"
    line = [sys.executable, "-c", program, "--install-completion", "bash"]
    asked = {**environment, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    result = subprocess.run(line, capture_output=True, text=True, env=asked, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    script = tmp_path / ".bash_completions" / "sparseift.sh"
    assert str(script) in (tmp_path / ".bashrc").read_text()
    check = ["bash", "-c", f"source {script} && complete -p sparseift"]
    assert "sparseift" in subprocess.run(check, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_database_is_made_and_found_right(tmp_path: Path) -> None:
    assert run("db", "upgrade", cwd=tmp_path).returncode == 0
    assert run("db", "check", cwd=tmp_path).returncode == 0
    assert json.loads(run("db", "upgrade", "--json", cwd=tmp_path).stdout) == {"revision": migrate.head()}
    assert json.loads(run("db", "check", "--json", cwd=tmp_path).stdout) == {"revision": migrate.head()}


def test_a_data_set_is_got_ready(tmp_path: Path) -> None:
    told = run("data", "fetch", "digits", "--data", "here", "--json", cwd=tmp_path)
    assert json.loads(told.stdout) == {"dataset": "digits", "folder": str(tmp_path / "here" / "datasets")}
    assert "digits is ready in" in run("data", "fetch", "digits", "--data", "here", cwd=tmp_path).stdout


def test_every_command_that_shows_something_has_json() -> None:
    programs = {"demo", "serve", "worker"}
    group = typer.main.get_command(app)
    without = set()
    for path in COMMANDS:
        command: Any = group
        for name in path:
            command = command.commands[name]
        if not any("--json" in option.opts for option in command.params):
            without.add(" ".join(path))
    assert without == programs
