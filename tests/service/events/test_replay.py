"""Streams and long polls: whoever comes back with the last id seen misses nothing and sees nothing twice."""

import threading
import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from store import archive, labels, verbs
from store.sessions import Database
from tests.service import history
from tests.service.conftest import ADDRESS
from tests.service.events.test_endpoints import STREAM, parsed, places_left, wait_until
from tests.service.fakes import FakePlanner

CHANGES = 30


@pytest.fixture
def job_id(database: Database) -> str:
    with database.write() as session:
        return history.submitted(session).id


def write(database: Database, job_id: str) -> threading.Thread:
    """A thread that changes the job often, then ends it."""

    def work() -> None:
        for number in range(CHANGES):
            with database.write() as session:
                labels.change(session, job_id, labels={"n": str(number)})
            time.sleep(0.005 * (number % 3))
        with database.write() as session:
            verbs.cancel(session, job_id)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def whole(client: TestClient, job_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/v1/jobs/{job_id}/events?limit=500").json()["items"]
    assert len(found) == CHANGES + 2
    return found


def test_long_polls_see_every_event_once(client: TestClient, database: Database, job_id: str) -> None:
    thread = write(database, job_id)
    seen: list[dict[str, Any]] = []
    after, ended = 0, False
    while not ended:
        params: dict[str, Any] = {"after": after, "wait_s": 10, "limit": 3}
        page = client.get(f"/v1/jobs/{job_id}/events", params=params).json()
        seen, after, ended = seen + page["items"], page["last_id"], page["ended"]
    thread.join()
    assert seen == whole(client, job_id)


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_stream_that_breaks_off_again_and_again_is_taken_up(
    client: TestClient, database: Database, job_id: str, cut: int
) -> None:
    """Each connection is broken off after `cut` messages; the next one brings the last id that was read whole."""
    thread = write(database, job_id)
    thread.join()  # a test's client reads an answer whole, so what it "lost" is what it does not look at
    seen: list[str] = []
    for _ in range(2 * CHANGES):
        last = {"Last-Event-ID": seen[-1]} if seen else {}
        response = client.get(f"/v1/jobs/{job_id}/events", headers={**STREAM, **last})
        if response.status_code == 204:
            break
        read = parsed(response.text)[:cut]
        seen += [message["id"] for message in read if message.get("event") != "end"]
    assert seen == [str(event["id"]) for event in whole(client, job_id)]


def test_a_stream_that_runs_beside_the_writer_has_every_event_once(
    client: TestClient, database: Database, job_id: str
) -> None:
    thread = write(database, job_id)
    response = client.get(f"/v1/jobs/{job_id}/events", headers=STREAM)
    thread.join()
    messages = parsed(response.text)
    assert [m["id"] for m in messages[:-1]] == [str(event["id"]) for event in whole(client, job_id)]
    assert messages[-1]["event"] == "end"


def test_a_poll_waits_no_longer_than_it_must(client: TestClient, database: Database, job_id: str) -> None:
    here = f"/v1/jobs/{job_id}/events"
    last = client.get(here).json()["last_id"]
    began = time.monotonic()
    empty = client.get(here, params={"after": last, "wait_s": 0.3}).json()
    assert 0.3 <= time.monotonic() - began < 5.0
    assert empty == {"items": [], "last_id": last, "ended": False}

    def change() -> None:
        wait_until(lambda: places_left(client.app) == 1)
        with database.write() as session:
            labels.change(session, job_id, labels={"a": "1"})

    thread = threading.Thread(target=change)
    thread.start()
    began = time.monotonic()
    page = client.get(here, params={"after": last, "wait_s": 60}).json()
    thread.join()
    assert time.monotonic() - began < 20.0
    assert [event["kind"] for event in page["items"]] == ["job.changed"]
    assert places_left(client.app) == 2

    with database.write() as session:
        verbs.cancel(session, job_id)
    last = client.get(here).json()["last_id"]
    began = time.monotonic()
    assert client.get(here, params={"after": last, "wait_s": 60}).json()["ended"] is True
    assert time.monotonic() - began < 20.0, "of a job that has ended nothing is to be waited for"
    assert client.get("/v1/jobs/job_0/events?wait_s=60").status_code == 404


@pytest.mark.parametrize("wait", ["-1", "61", "nan", "soon"])
def test_a_wait_is_bounded(edge: TestClient, wait: str) -> None:
    assert edge.get(f"/v1/jobs/job_0/events?wait_s={wait}").status_code == 422


def test_those_who_wait_are_bounded_and_sent_home_when_the_server_stops(sqlite_job: tuple[str, str]) -> None:
    url, job_id = sqlite_job
    stopping = threading.Event()
    app = create_app(Settings(url, event_poll_s=0.02, event_streams=2), FakePlanner(), stopping.is_set)
    here = f"/v1/jobs/{job_id}/events?after=1000&wait_s=60"
    with TestClient(app, base_url=ADDRESS) as client:
        answers: list[Any] = []
        threads = [threading.Thread(target=lambda: answers.append(client.get(here).json())) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_until(lambda: places_left(app) == 0)
        refused = client.get(here)
        assert (refused.status_code, refused.json()["code"]) == (503, "too-many-streams")
        stopping.set()
        for thread in threads:
            thread.join(10)
        assert answers == [{"items": [], "last_id": 1000, "ended": False}] * 2
        assert places_left(app) == 2


def test_a_stream_ends_with_a_job_that_is_deleted(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.over(session).id
        verbs.extend(session, job_id, {"search_trials": 99})  # it goes on, so that a stream stays open

    def delete() -> None:
        wait_until(lambda: places_left(client.app) == 1)
        with database.write() as session:
            verbs.cancel(session, job_id)
            history.jobs.end(session, job_id, ("stopping",), "cancelled", "cancelled", "")
            archive.remove(session, job_id)

    thread = threading.Thread(target=delete)
    thread.start()
    response = client.get(f"/v1/jobs/{job_id}/events", headers=STREAM)
    thread.join()
    assert parsed(response.text)[-1] == {"event": "end", "data": '{"state": "deleted"}'}
