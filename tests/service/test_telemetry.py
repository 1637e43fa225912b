"""Requests as spans, read from an exporter in memory."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient

from service import telemetry
from service.app import create_app
from service.logs import JsonLines
from service.settings import Settings
from tests.service.conftest import ADDRESS
from tests.service.fakes import FakePlanner

ROOT = Path(__file__).resolve().parents[2]
CALLER = "0af7651916cd43dd8448eb211c80319c"  # a trace's id


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traced(edge_url: str, exporter: InMemorySpanExporter) -> Iterator[TestClient]:
    app = create_app(Settings(edge_url), FakePlanner())
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry.instrument(app, provider)
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as client:
        yield client


def test_a_request_is_a_span_of_its_callers_trace(
    traced: TestClient, exporter: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    caller = {"traceparent": f"00-{CALLER}-b7ad6b7169203331-01", "X-Request-ID": "mine.1"}
    with caplog.at_level(logging.INFO, logger="service.request"):
        assert traced.get("/v1/jobs/job_0", headers=caller).status_code == 404
    (span,) = exporter.get_finished_spans()
    assert span.name == "GET /v1/jobs/{job}", "the route, not the address: names stay few"
    assert f"{span.context.trace_id:032x}" == CALLER
    assert span.attributes is not None
    assert span.attributes["http.response.header.x_request_id"] == ("mine.1",)
    line = next(json.loads(JsonLines().format(r)) for r in caplog.records if r.name == "service.request")
    assert (line["request_id"], line["trace_id"]) == ("mine.1", CALLER)


def test_probes_leave_no_spans(traced: TestClient, exporter: InMemorySpanExporter) -> None:
    for path in ("/healthz", "/readyz"):
        assert traced.get(path).status_code == 200
    assert exporter.get_finished_spans() == ()


def test_nothing_is_traced_unless_asked_for(edge: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="service.request"):
        edge.get("/v1/families")
    (line,) = (json.loads(JsonLines().format(r)) for r in caplog.records if r.name == "service.request")
    assert "trace_id" not in line


@pytest.mark.parametrize("absent", ["opentelemetry.sdk", "opentelemetry.exporter"])
def test_without_the_extra_the_option_says_what_to_install(absent: str) -> None:
    code = (
        f"import sys; sys.modules['{absent}'] = None\n"
        "from service.__main__ import main\n"
        "sys.exit(main(['--database', 'sqlite:///nothing.db', '--telemetry'], {}))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "--telemetry needs the package opentelemetry" in ended.stderr
    assert "pip install 'sparseift[otel]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_service_loads_nothing_of_it_by_itself() -> None:
    program = """
import sys
import service.__main__
heavy = ("opentelemetry.sdk", "opentelemetry.instrumentation", "opentelemetry.exporter")
print([name for name in sys.modules if name.startswith(heavy)])
"""
    line = [sys.executable, "-c", program]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "[]\n"
