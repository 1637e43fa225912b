"""docker-compose.yml against the Compose specification, and its commands against the programs they start.

`compose_spec.json` is the schema that docker-compose 1.29.2 carries (Apache-2.0, github.com/compose-spec/compose-spec),
unchanged. No container engine is needed.
"""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
import yaml

from analysis.notebooks.__main__ import _parser as notebooks_parser
from service.__main__ import arguments as service_arguments
from sparseift.cli.app import app
from worker.__main__ import parser as worker_parser

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_it_is_a_compose_file() -> None:
    schema = json.loads(Path(__file__).with_name("compose_spec.json").read_text())
    jsonschema.Draft201909Validator(schema).validate(COMPOSE)


def test_every_part_has_a_health_check_and_waits_for_what_it_needs() -> None:
    assert set(SERVICES) == {"db", "migrate", "service", "worker", "notebooks"}
    assert all("test" in part["healthcheck"] for part in SERVICES.values())
    assert SERVICES["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    for name in ("service", "worker"):
        assert SERVICES[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def test_nothing_is_published_beyond_loopback() -> None:
    for part in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in part.get("ports", []))


@pytest.mark.parametrize("name", ["service", "worker", "notebooks"])
def test_commands_are_what_the_programs_take(name: str) -> None:
    python, flag, module, *line = SERVICES[name]["command"]
    environment = SERVICES[name].get("environment") or {}
    assert (python, flag) == ("python", "-m")
    if module == "service":
        parsed = service_arguments(line, environment)
    elif module == "worker":
        parsed = worker_parser().parse_args(["--database", environment["SPARSEIFT_DATABASE"], *line])
    else:
        assert module == "analysis.notebooks"
        parsed = notebooks_parser().parse_args(line)
    assert getattr(parsed, "host", "127.0.0.1") == "127.0.0.1"


def test_migrate_runs_a_command_that_exists() -> None:
    program, group, command = SERVICES["migrate"]["command"]
    tree: Any = typer.main.get_command(app)
    assert program == "sparseift"
    assert command in tree.commands[group].commands


def test_the_image_carries_every_program() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().split()
    for folder in ("sparseift", "analysis", "store", "service", "worker", "migrations"):
        assert f"COPY {folder} {folder}" in dockerfile
        assert f"!{folder}" in ignored
