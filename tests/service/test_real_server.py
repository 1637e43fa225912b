"""A real server on both databases: many clients at once, connections that break, pages while others write."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from store import labels, tokens, verbs
from store.sessions import Database
from tests.service import history
from tests.service.test_main import JOB, served

EVENTS = 40


@pytest.fixture
def server(database: Database) -> Iterator[str]:
    with served(database.url) as (_, address):
        yield address


def together(tasks: list[Callable[[], Any]]) -> None:
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.slow
def test_a_hundred_identical_submissions_make_one_job(server: str) -> None:
    """Each on a connection of its own, all sent at once."""
    barrier, answers = threading.Barrier(100), []

    def submit() -> None:
        with httpx.Client(base_url=server, timeout=90, verify=False) as client:
            barrier.wait()
            answers.append(client.post("/v1/jobs", json=JOB, headers={"Idempotency-Key": "k"}))

    together([submit] * 100)
    assert sorted(a.status_code for a in answers) == [200] * 99 + [201]
    assert len({a.json()["id"] for a in answers}) == 1
    listed = httpx.get(f"{server}/v1/jobs").json()["items"]
    assert [job["id"] for job in listed] == [answers[0].json()["id"]]


@pytest.mark.slow
@pytest.mark.parametrize("cut_after", [1, 3])
def test_a_stream_whose_connection_is_cut_goes_on_where_it_was(server: str, database: Database, cut_after: int) -> None:
    """The client closes its socket amid the stream, while events are written, and comes back with the last id."""
    with database.write() as session:
        job_id = history.submitted(session).id

    def write() -> None:
        for number in range(EVENTS):
            with database.write() as session:
                labels.change(session, job_id, labels={"n": str(number)})
        with database.write() as session:
            verbs.cancel(session, job_id)

    writer = threading.Thread(target=write)
    writer.start()
    here, seen, connections = f"{server}/v1/jobs/{job_id}/events", [], 0
    while connections < 3 * EVENTS:
        connections += 1
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": seen[-1]} if seen else {})
        with httpx.stream("GET", here, headers=headers, timeout=30) as stream:
            if stream.status_code == 204:
                break
            read = 0
            for line in stream.iter_lines():
                if line.startswith("id: "):
                    seen.append(line.removeprefix("id: "))
                    read += 1
                if read == cut_after and line == "":
                    break  # leaves the block: the socket is closed with the answer unread
    writer.join()
    assert connections > EVENTS // cut_after // 2
    whole = httpx.get(here, params={"limit": 500}).json()["items"]
    assert seen == [str(event["id"]) for event in whole]
    assert len(whole) == EVENTS + 2


def add_job(database: Database, number: int) -> None:
    with database.write() as session:
        history.submitted(session)


def add_token(database: Database, number: int) -> None:
    with database.write() as session:
        tokens.create(session, f"t{number}", "read", "p")


LISTS: dict[str, tuple[Callable[[Database, int], None], str]] = {
    "/v1/jobs": (add_job, "id"),
    "/v1/jobs?sort=oldest": (add_job, "id"),
    "/v1/jobs?sort=priority": (add_job, "id"),
    "/v1/jobs?sort=updated": (add_job, "id"),
    "/v1/tokens": (add_token, "id"),
}


@pytest.mark.slow
def test_pages_are_disjoint_and_hold_all_that_was_there_while_others_write(server: str, database: Database) -> None:
    with httpx.Client(base_url=server, timeout=60) as client:
        for path, (add, key) in LISTS.items():
            begin = 100 * list(LISTS).index(path)
            for number in range(begin, begin + 12):
                add(database, number)
            there = list(paged(client, path, key, limit=500))
            halt, added = threading.Event(), iter(range(begin + 12, begin + 100))

            def write(add: Callable[[Database, int], None] = add, added: Any = added, halt: Any = halt) -> None:
                for number in added:
                    if halt.is_set():
                        return
                    add(database, number)

            writer = threading.Thread(target=write)
            writer.start()
            try:
                seen = list(paged(client, path, key))
            finally:
                halt.set()
                writer.join()
            assert len(seen) == len(set(seen)), path
            assert [k for k in seen if k in set(there)] == there, f"{path}: all of them, in their order"


@pytest.mark.slow
def test_pages_of_trials_and_of_the_audit_log_while_others_write(server: str, database: Database) -> None:
    with database.write() as session:
        job = history.claimed(session)
        for number in range(12):
            history.added(session, job, number)
    with httpx.Client(base_url=server, timeout=60) as client:
        for _ in range(12):
            client.post("/v1/jobs:bulk", json={"verb": "resume", "jobs": [job.id]})

        def write() -> None:
            for number in range(12, 40):
                with database.write() as session:
                    history.added(session, job, number)
                httpx.post(f"{server}/v1/jobs:bulk", json={"verb": "resume", "jobs": [job.id]}, timeout=60)

        for path, key in ((f"/v1/jobs/{job.id}/trials", "number"), ("/v1/audit", "id")):
            there = list(paged(client, path, key, limit=500))
            assert len(there) >= 12
            writer = threading.Thread(target=write if key == "number" else lambda: None)
            writer.start()
            seen = list(paged(client, path, key))
            writer.join()
            assert len(seen) == len(set(seen))
            assert [k for k in seen if k in set(there)] == there


def paged(client: httpx.Client, path: str, key: str, limit: int = 3) -> Iterator[Any]:
    """The keys of all pages, as their tokens lead on."""
    params: dict[str, Any] = {**httpx.URL(path).params, "limit": limit}
    for _ in range(200):
        page = client.get(path, params=params).json()
        yield from (item[key] for item in page["items"])
        if page["next_page_token"] is None:
            return
        params["page_token"] = page["next_page_token"]
    pytest.fail("the pages do not end")
