"""A service that plays a script, for commands that ask one."""

from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner

from sparseift.cli.app import app
from tests.client.script import Script


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def api(script: Script) -> Iterator[str]:
    """Its address."""
    with script.served() as url:
        yield url


@pytest.fixture
def say(api: str) -> Callable[..., str]:
    """Runs a command against it and gives what it printed, with white space folded."""

    def run(*line: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, [*line, "--url", api], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return " ".join(result.output.split())

    return run
