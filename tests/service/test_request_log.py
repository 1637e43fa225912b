"""One line per request."""

import json
import logging

import pytest
from starlette.testclient import TestClient

from service.logs import JsonLines


def test_every_request_has_an_id_and_one_line(edge: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="service.request"):
        response = edge.get("/v1/jobs/job_0?state=x", headers={"X-Request-ID": "mine.1"})
        other = edge.get("/healthz", headers={"X-Request-ID": 'a"b'})
    assert response.headers["X-Request-ID"] == "mine.1"
    assert len(other.headers["X-Request-ID"]) == 16
    first, second = (json.loads(JsonLines().format(r)) for r in caplog.records if r.name == "service.request")
    assert (first["request_id"], first["method"], first["path"], first["status"]) == (
        "mine.1",
        "GET",
        "/v1/jobs/job_0",
        422,
    )
    assert first["ms"] >= 0
    assert (second["path"], second["status"]) == ("/healthz", 200)


def test_a_line_stays_a_line() -> None:
    record = logging.LogRecord("a", logging.WARNING, "f", 1, "two\nlines %s", ("x",), None)
    line = JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "two\nlines x"


def test_errors_nobody_expects_have_headers_too(edge: TestClient) -> None:
    response = edge.get("/nothing")
    assert response.json()["detail"] == "There is nothing at '/nothing'."
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    method = edge.delete("/v1/jobs")
    assert (method.status_code, method.json()["code"]) == (405, "method-not-allowed")
    assert method.headers["allow"]
