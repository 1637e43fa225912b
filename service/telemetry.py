"""Traces of requests by OpenTelemetry: an option, off unless the operator asks for it, and an extra to install.

Where spans go is said as everywhere, by the OTEL_* variables (OTEL_EXPORTER_OTLP_ENDPOINT and its kin). A span carries
the request's id, and the request's log line the trace's, so that either leads to the other.
"""

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from service.request_log import HEADER
from sparseift.errors import InvalidValue

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

SERVICE = "sparseift"
QUIET = "healthz,readyz,metrics"  # asked for by machines, every few seconds


def provider() -> "TracerProvider":
    """Spans in batches over OTLP/HTTP, from a thread of their own.

    Raises:
        InvalidValue: the extra is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise InvalidValue(
            f"--telemetry needs the package {error.name}; install it with `pip install 'sparseift[otel]'`."
        ) from error
    made = TracerProvider(resource=Resource.create({SERVICE_NAME: SERVICE}))
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


def instrument(app: FastAPI, spans: "TracerProvider") -> None:
    """Gives every request but the probes a span, as a child of the caller's where the request names one.

    To be called before the application starts.
    """
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=spans,
        excluded_urls=QUIET,
        server_request_hook=_tell_the_log,
        http_capture_headers_server_response=[HEADER.lower()],
        exclude_spans=["receive", "send"],  # one span per request, not one per piece of a stream
    )


def _tell_the_log(span: "Span", scope: dict[str, Any]) -> None:
    scope.setdefault("state", {})["trace_id"] = f"{span.get_span_context().trace_id:032x}"
