"""Numbers for Prometheus, read back by its own parser."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from service.places import Places
from service.reaping import Reaping
from service.settings import Settings
from store import archive, attempts, workers
from store.sessions import Database
from tests.service import history
from tests.store.samples import started

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(client: TestClient) -> Samples:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(response.text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def of(found: Samples, name: str, **labels: str) -> float:
    return found[f"sparseift_{name}", tuple(sorted(labels.items()))]


def test_counts_of_what_is_stored(client: TestClient, database: Database) -> None:
    empty = read(client)
    assert of(empty, "jobs", state="queued") == of(empty, "queue_oldest_seconds") == 0.0
    with database.write() as session:
        archive.archive(session, history.over(session).id)
        history.half_done(session)
        history.submitted(session)
        workers.tell(
            session,
            "w",
            host="h",
            process="7@boot/1",
            engine="local",
            slot_names=["here/cpu:0", "x"],
            versions={},
            lease_ttl_s=60.0,
        )
    found = read(client)
    assert [of(found, "jobs", state=s) for s in ("queued", "running", "succeeded", "failed")] == [1, 1, 1, 0]
    assert of(found, "jobs_archived") == 1
    assert [of(found, "trials", state=s) for s in ("complete", "failed", "running", "waiting")] == [9, 1, 1, 0]
    assert [of(found, "workers", state=s) for s in ("alive", "stopped", "lost")] == [1, 0, 0]
    assert [of(found, "slots", state=s) for s in ("free", "busy", "quarantined")] == [1, 1, 0]
    assert of(found, "event_streams") == of(found, "exports") == 0
    assert 0.0 <= of(found, "queue_oldest_seconds") < 60.0


def test_requests_are_counted_by_template_and_nothing_of_them_becomes_a_label(client: TestClient) -> None:
    for path in ("/v1/jobs/job_a", "/v1/jobs/job_b", "/v1/jobs", "/v1/nothing/secret", "/v1/jobs/job_a/trials/3"):
        client.get(path)
    client.delete("/v1/jobs/job_a")
    client.request("BREW", "/v1/jobs")
    found = read(client)

    def requests(method: str, route: str, status: str) -> float:
        return of(found, "http_requests_total", method=method, route=route, status=status)

    assert requests("GET", "/v1/jobs/{job}", "404") == 2
    assert requests("DELETE", "/v1/jobs/{job}", "404") == 1
    assert requests("GET", "/v1/jobs/{job}/trials/{number}", "404") == 1
    assert requests("GET", "/v1/jobs", "200") == 1
    assert requests("GET", "other", "404") == 1
    assert of(found, "http_response_start_seconds_count", method="GET", route="/v1/jobs/{job}") == 2
    assert of(found, "http_response_start_seconds_bucket", method="GET", route="/v1/jobs/{job}", le="+Inf") == 2
    text = client.get("/metrics").text
    for word in ("secret", "job_a", "BREW"):
        assert word not in text


def test_what_the_reaper_takes_back_is_counted(database: Database) -> None:
    with database.write() as session:
        job = history.claimed(session)
        attempt = started(session, job, history.added(session, job, 0), ttl_s=-1.0)
    counted: list[int] = []
    settings = Settings(database.url, lease_ttl_s=1.0, reap_every_s=0.02)
    reaping = Reaping(settings, database, counted.append)
    reaping._look()
    assert counted == [1]
    with database.read() as session:
        assert attempts.running(session) == []
        assert attempt.id > 0


def test_places_are_bounded() -> None:
    places = Places(2)
    assert [places.acquire() for _ in range(3)] == [True, True, False]
    places.release()
    assert (places.taken, places.acquire(), places.taken) == (1, True, 2)


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_it_is_there_on_an_empty_service(edge: TestClient, path: str) -> None:
    assert edge.get(path).status_code == 200
