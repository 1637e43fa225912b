"""Where commands find their token: the environment, else a file that nobody else can read."""

import json
import stat
from pathlib import Path

import httpx
import pytest

from sparseift.cli import connection
from sparseift.cli.failures import UsageProblem
from sparseift.client import Client
from sparseift.errors import InvalidValue

API = "https://search.example"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}


def test_the_environment_goes_before_the_file(home: dict[str, str]) -> None:
    assert connection.token_for(API, home) is None
    connection.save(API, "kept", home)
    assert connection.token_for(API, home) == "kept"
    assert connection.token_for(API + "/", home) == "kept"
    assert connection.token_for(API, home | {"SPARSEIFT_TOKEN": " given\n"}) == "given"
    assert connection.token_for(API, home | {"SPARSEIFT_TOKEN": ""}) == "kept"


def test_no_service_gets_anothers_token(home: dict[str, str]) -> None:
    connection.save(API, "one", home)
    connection.save("http://127.0.0.1:8000", "two", home)
    assert connection.token_for(API, home) == "one"
    assert connection.token_for("http://127.0.0.1:8000/", home) == "two"
    assert connection.token_for("https://evil.example", home) is None


def test_the_file_is_its_users_alone(home: dict[str, str]) -> None:
    file = connection.save(API, "kept", home)
    assert file == connection.path(home)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.chmod(0o640)
    with pytest.raises(UsageProblem, match=f"run: chmod 600 {file}"):
        connection.token_for(API, home)


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({API: 1})])
def test_a_file_of_something_else(home: dict[str, str], text: str) -> None:
    file = connection.save(API, "kept", home)
    file.write_text(text)
    with pytest.raises(UsageProblem, match=r"tokens\.json"):
        connection.token_for(API, home)


def test_the_client_sends_it_and_never_in_the_clear() -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Authorization"))
        return httpx.Response(200, json={"name": "x"})

    for url, token in ((API, "t1"), ("http://localhost:8000", "t2"), ("http://127.0.0.1:1", None)):
        with Client(url, token=token, transport=httpx.MockTransport(answer)) as client:
            client.me()
    assert seen == ["Bearer t1", "Bearer t2", None]
    for url in ("http://search.example", "http://10.0.0.1:8000"):
        with pytest.raises(InvalidValue, match="in the clear; use https://"):
            Client(url, token="t1")
        Client(url).close()
    for token in ("a b", "a\nb", "ä"):
        with pytest.raises(InvalidValue, match="characters that no token has"):
            Client(API, token=token)
