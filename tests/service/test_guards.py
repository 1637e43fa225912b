"""What a web page in the user's browser must not be able to do."""

import pytest
from starlette.testclient import TestClient

from service.examples import SMALLEST_JOB
from service.guards import is_named


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:1", "LOCALHOST", "[::1]", "[::1]:8000"])
def test_loopback_names(host: str) -> None:
    assert is_named(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "[::1", "10.0.0.1", "0.0.0.0"]
)
def test_foreign_names(edge: TestClient, host: str) -> None:
    assert not is_named(host)
    response = edge.get("/healthz", headers={"Host": host})
    assert (response.status_code, response.json()["code"]) == (421, "foreign-host")


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://evil.example", 403), ("null", 403), ("http://localhost:8001", 404), ("http://127.0.0.1:8000", 404)]
    + [(malformed, 403) for malformed in ("http://[", "http://[::1", "http://[x]:80", "")],
)
def test_only_pages_of_this_machine_may_change_something(edge: TestClient, origin: str, status: int) -> None:
    response = edge.post("/v1/jobs/job_0:cancel", headers={"Origin": origin})
    assert response.status_code == status
    assert edge.get("/v1/jobs", headers={"Origin": origin}).status_code == 200  # unreadable there: no CORS header
    assert "access-control-allow-origin" not in response.headers


def test_a_body_must_tell_its_length(edge: TestClient) -> None:
    chunked = edge.post("/v1/jobs", content=iter([b"{}"]))
    assert (chunked.status_code, chunked.json()["code"]) == (411, "length-required")
    lying = edge.post("/v1/jobs", content=b"{}", headers={"Content-Length": "-2"})
    assert (lying.status_code, lying.json()["code"]) == (413, "body-too-large")


def test_the_guard_stands_before_validation(edge: TestClient) -> None:
    response = edge.post("/v1/jobs", json=SMALLEST_JOB, headers={"Host": "evil.example"})
    assert response.json()["code"] == "foreign-host"
    assert response.headers["x-request-id"]
