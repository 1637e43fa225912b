"""The log of a job, as pages and as a stream."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from store import jobs
from store.sessions import Database
from tests.service import history
from tests.service.conftest import ADDRESS
from tests.service.fakes import FakePlanner

STREAM = {"Accept": "text/event-stream"}


def parsed(text: str) -> list[dict[str, str]]:
    """The messages of a stream, comments left out."""
    messages = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields and "retry" not in fields:
            messages.append(fields)
    return messages


def places_left(app: Any) -> int:
    """How many streams may still be opened."""
    context = app.state.context
    left: int = context.settings.event_streams - context.streams.taken
    return left


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that must come true soon."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def test_pages_follow_the_log(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.half_done(session).id
        history.submitted(session)  # another job's events are not shown
    here = f"/v1/jobs/{job_id}/events"
    seen, after = [], 0
    for _ in range(50):
        page = client.get(here, params={"after": after, "limit": 4}).json()
        if not page["items"]:
            assert page["last_id"] == after
            break
        seen += page["items"]
        after = page["last_id"]
    kinds = [event["kind"] for event in seen]
    assert kinds[:3] == ["job.queued", "job.running", "trial.infeasible"]
    assert kinds.count("trial.complete") == 4
    assert [e["id"] for e in seen] == sorted({e["id"] for e in seen})
    assert client.get("/v1/jobs/job_0/events").json()["code"] == "not-found"


def test_a_stream_replays_follows_and_ends_with_the_job(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.half_done(session).id
    here = f"/v1/jobs/{job_id}/events"

    def end_it() -> None:
        wait_until(lambda: places_left(client.app) == 1)
        time.sleep(1.0)  # the stream is idle meanwhile, and says so
        with database.write() as session:
            job = jobs.get(session, job_id)
            for attempt in history.attempts.running(session, job_id=job_id):
                history.attempts.cancel(session, attempt.id)
            jobs.finish(session, job_id, job.lease_token or "", "failed", "user", "It was ended by a test.")

    thread = threading.Thread(target=end_it)
    thread.start()
    response = client.get(here, headers=STREAM)
    thread.join()
    assert response.headers["content-type"].startswith("text/event-stream")
    assert ": still here" in response.text
    messages = parsed(response.text)
    assert messages[0]["event"] == "job.queued"
    assert messages[-2]["event"] == "job.failed"
    assert messages[-1] == {"event": "end", "data": '{"state": "failed"}'}
    pages = client.get(here, params={"limit": 500}).json()["items"]
    assert [json.loads(m["data"]) for m in messages[:-1]] == pages
    assert [int(m["id"]) for m in messages[:-1]] == [e["id"] for e in pages]

    middle = pages[4]["id"]
    rest = client.get(here, headers={**STREAM, "Last-Event-ID": str(middle)})
    assert [m.get("id") for m in parsed(rest.text)][:-1] == [str(e["id"]) for e in pages if e["id"] > middle]
    nothing_left = client.get(here, headers={**STREAM, "Last-Event-ID": str(pages[-1]["id"])})
    assert nothing_left.status_code == 204


@pytest.mark.parametrize("header", ["x", "-1", "9" * 30])
def test_a_wrong_last_event_id(edge: TestClient, header: str) -> None:
    response = edge.get("/v1/jobs/job_0/events", headers={**STREAM, "Last-Event-ID": header})
    assert (response.status_code, response.json()["code"]) == (422, "invalid-request")


def test_streams_are_bounded_and_end_when_the_server_stops(sqlite_job: tuple[str, str]) -> None:
    url, job_id = sqlite_job
    stopping = threading.Event()
    app = create_app(Settings(url, event_poll_s=0.02, event_streams=2), FakePlanner(), stopping.is_set)
    here = f"/v1/jobs/{job_id}/events"
    with TestClient(app, base_url=ADDRESS) as client:
        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda: answers.append(client.get(here, headers=STREAM).status_code))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: places_left(app) == 0)
        refused = client.get(here, headers=STREAM)
        assert (refused.status_code, refused.json()["code"]) == (503, "too-many-streams")
        assert refused.headers["retry-after"] == "5"
        stopping.set()
        for thread in threads:
            thread.join(10)
        assert answers == [200, 200]
        assert places_left(app) == 2
