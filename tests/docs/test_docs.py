"""The documentation holds: links lead somewhere, examples run, references are complete."""

import re
import tomllib
from pathlib import Path

import pytest
import typer

from service.app import create_app
from service.problems import CODES
from service.settings import Settings
from sparseift.cli.app import app
from tests.docs import cli_reference, job_file_reference, library_reference, terminal_session

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
RUNNABLE = re.compile(r"^```python runnable\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = [
    pytest.param(match[1], id=f"{page.relative_to(ROOT)}:{page.read_text()[: match.start()].count(chr(10)) + 2}")
    for page in PAGES
    for match in RUNNABLE.finditer(page.read_text())
]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [t for t in LINK.findall(page.read_text()) if not t.startswith(("http://", "https://", "#"))]
    missing = [t for t in targets if not (page.parent / t.partition("#")[0]).exists()]
    assert missing == []


@pytest.mark.parametrize("code", EXAMPLES)
def test_examples_run(code: str) -> None:
    exec(compile(code, "documentation", "exec"), {"__name__": "documentation"})


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 6


def test_the_command_reference_is_the_commands_own_help() -> None:
    assert cli_reference.PAGE.read_text() == cli_reference.page(), "run: python tests/docs/cli_reference.py"


def test_the_recorded_session_is_of_commands_that_there_are() -> None:
    page = terminal_session.PAGE.read_text()
    said = re.findall(r"^\$ (.+)$", page, re.MULTILINE)
    assert said == [command for _, commands in terminal_session.STEPS for command in commands]
    known = {path for path, _ in cli_reference.commands(typer.main.get_command(app))}
    named = [tuple(command.split()[1:2]) for command in said if command.startswith("sparseift ")]
    assert len(named) >= 10
    assert set(named) <= known, "run: python tests/docs/terminal_session.py"


def test_the_reference_of_job_files_is_their_schema() -> None:
    text = job_file_reference.page()
    assert job_file_reference.PAGE.read_text() == text, "run: python tests/docs/job_file_reference.py"


def test_the_library_reference_is_the_docstrings() -> None:
    assert library_reference.PAGE.read_text() == library_reference.page(), "run: python tests/docs/library_reference.py"


def test_the_http_reference_has_every_route() -> None:
    page = (ROOT / "docs" / "reference" / "http.md").read_text()
    document = create_app(Settings(database_url="sqlite:///unused.db")).openapi()
    routes = {f"`{method.upper()} {path}`" for path, item in document["paths"].items() for method in item}
    assert {r for r in routes if r not in page} == set()
    listed = re.findall(r"^\| `(?:GET|POST|PUT|PATCH|DELETE) ", page, re.MULTILINE)
    assert len(routes) == len(listed), "and none that is gone"


def test_the_error_reference_has_every_code() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| (\d{3}) ", page, re.MULTILINE))
    assert listed == {code: str(status) for code, (status, _) in CODES.items()}


def test_every_dependency_has_its_reason() -> None:
    record = (ROOT / "docs" / "decisions" / "0008-dependencies.md").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *(d for group in project["optional-dependencies"].values() for d in group)]
    names = {re.split(r"[\[<>=!~ ]", d)[0] for d in declared} - {"sparseift"}
    assert {n for n in names if not re.search(rf"\b{re.escape(n)}\b", record)} == set()


@pytest.mark.parametrize("record", sorted((ROOT / "docs" / "decisions").glob("0*.md")), ids=lambda p: p.name)
def test_decisions_are_short(record: Path) -> None:
    assert len(record.read_text().splitlines()) <= 40
    assert record.name in (record.parent / "README.md").read_text()
