"""/metrics: numbers for Prometheus, none of them of a single job."""

from collections.abc import Iterable, Mapping

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service import problems
from service.context import Context, Here
from store import metering

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    summary="Numbers for Prometheus",
    responses={
        **problems.documented("database-unavailable"),
        200: {"description": "The text format 0.0.4.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    },
)
def scrape_metrics(here: Here) -> Response:
    """Jobs, trials, workers and slots by state, the age of the queue; of this process its requests by route template,
    its open streams and what its reaper took back.
    """
    with here.database.read() as session:
        facts = metering.facts(session)
    stored = CollectorRegistry()
    stored.register(Stored(here, facts))
    text = generate_latest(stored) + generate_latest(here.meters.registry)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)


class Stored(Collector):
    """What the database tells, as gauges."""

    def __init__(self, here: Context, facts: metering.Facts) -> None:
        self._here, self._facts = here, facts

    def collect(self) -> Iterable[Metric]:
        """The gauges."""
        facts = self._facts
        yield by_state("jobs", "Jobs by state.", facts.jobs)
        yield by_state("trials", "Trials of all jobs by state.", facts.trials)
        yield by_state("workers", "Workers of the last week: alive, stopped in good order, or lost.", facts.workers)
        yield by_state("slots", "Slots: free, busy, or quarantined.", facts.slots)
        yield gauge("jobs_archived", "Jobs that lists leave out.", facts.archived)
        yield gauge("queue_oldest_seconds", "How long the oldest queued job has waited.", facts.oldest_queued_s)
        yield gauge("event_streams", "Open streams and long polls of this process.", self._here.streams.taken)
        yield gauge("exports", "Files of rows that this process is writing.", self._here.exports.taken)


def by_state(noun: str, documentation: str, counts: Mapping[str, int]) -> Metric:
    """A gauge with a state as its label."""
    family = GaugeMetricFamily(f"sparseift_{noun}", documentation, labels=["state"])
    for state, count in counts.items():
        family.add_metric([state], count)
    return family


def gauge(noun: str, documentation: str, value: float) -> Metric:
    """A gauge without labels."""
    return GaugeMetricFamily(f"sparseift_{noun}", documentation, value=value)
