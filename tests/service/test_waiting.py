"""Whoever waits keeps nobody else waiting: for plans, drawings, events and exports."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.access.viewer import LOCAL, Viewer
from service.examples import SMALLEST_JOB
from service.problems import Refused
from service.rendering import Rendering
from service.settings import Settings
from store import jobs
from store.sessions import Database
from tests import looping
from tests.service import history
from tests.service.access.conftest import Tokens, bearer, given
from tests.service.conftest import opened
from tests.service.fakes import FakePlanner

__all__ = ["given"]  # the fixture

THREADS = 40  # that anyio has for the whole service
BOB = Viewer("tok_bob", "bob", frozenset({"read"}), "ours")


@pytest.fixture
def guarded(settings: Settings, planner: FakePlanner) -> Iterator[TestClient]:
    """With places enough that a token's share is more than the service has threads."""
    strict = replace(
        settings, require_tokens=True, requests_per_s=1e6, request_burst=10**6, event_streams=8, plan_requests=240
    )
    with opened(strict, planner) as client:
        yield client


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def test_equal_plans_without_end_leave_the_service_to_others(
    guarded: TestClient, planner: FakePlanner, given: Tokens
) -> None:
    planner.going.clear()
    plans = guarded.app.state.context.plans  # type: ignore[attr-defined]

    def ask(kind: str) -> Any:
        return guarded.post("/v1/jobs?dry_run=true", json=SMALLEST_JOB, headers=bearer(given[kind]))

    share = 240 // 4
    assert share > THREADS
    with ThreadPoolExecutor(share + 6) as pool:
        asked = [pool.submit(ask, "submit") for _ in range(share + 5)]
        wait_until(lambda: sum(answer.done() for answer in asked) == 5)
        assert plans.waiting == share
        for answer in (answer for answer in asked if answer.done()):
            refused = answer.result()
            assert (refused.status_code, refused.json()["code"]) == (503, "planner-unavailable")
            assert refused.headers["Retry-After"] == "5"
        began = time.monotonic()
        assert guarded.get("/v1/me", headers=bearer(given["submit"])).status_code == 200
        assert time.monotonic() - began < 5.0
        others = pool.submit(ask, "other")  # another project's still finds a place
        wait_until(lambda: plans.waiting == share + 1)
        planner.going.set()
        assert others.result(30).status_code == 200
        assert sorted(answer.result(30).status_code for answer in asked) == [200] * share + [503] * 5
    assert plans.waiting == 0


def test_who_waits_for_a_drawing_holds_no_thread_and_is_bounded() -> None:
    going, made = threading.Event(), []

    def make() -> bytes:
        assert going.wait(30)
        made.append(1)
        return b"<svg/>"

    async def run() -> None:
        rendering = Rendering(at_once=1, waiting=8)
        waiting = [asyncio.create_task(rendering.draw("a", BOB, make)) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(Refused) as refused:
            await rendering.draw("b", BOB, make)
        assert refused.value.code == "renderer-busy"
        others = asyncio.create_task(rendering.draw("a", LOCAL, make))
        await asyncio.sleep(0.05)
        assert rendering.waiting == 3
        going.set()
        assert set(await asyncio.gather(*waiting, others)) == {b"<svg/>"}
        assert made == [1], "one draws, the others take what it has drawn"
        assert rendering.waiting == 0
        assert await rendering.draw("a", BOB, make) == b"<svg/>"

    looping.run(run())


def test_a_drawing_that_fails_gives_its_place_back() -> None:
    def fail() -> bytes:
        raise ValueError("There is no chart.")

    async def run() -> None:
        rendering = Rendering(at_once=1, waiting=2)
        for _ in range(3):
            with pytest.raises(ValueError, match="no chart"):
                await rendering.draw("a", BOB, fail)
        assert rendering.waiting == 0

    looping.run(run())


def test_one_projects_polls_leave_places_to_anothers(guarded: TestClient, database: Database, given: Tokens) -> None:
    with database.write() as session:
        ours, theirs = (
            jobs.create(session, history.THREE, history.PLAN, project=project)[0].id for project in ("ours", "theirs")
        )
    streams = guarded.app.state.context.streams  # type: ignore[attr-defined]

    def poll(job_id: str, kind: str, wait_s: float) -> Any:
        last = guarded.get(f"/v1/jobs/{job_id}/events", headers=bearer(given[kind])).json()["last_id"]
        params = {"after": last, "wait_s": wait_s}
        return guarded.get(f"/v1/jobs/{job_id}/events", params=params, headers=bearer(given[kind]))

    with ThreadPoolExecutor(8) as pool:
        held = [pool.submit(poll, ours, "read", 20.0) for _ in range(2)]  # a quarter of 8
        wait_until(lambda: streams.taken == 2)
        refused = poll(ours, "read", 1.0)
        assert (refused.status_code, refused.json()["code"]) == (503, "too-many-streams")
        assert poll(ours, "submit", 0.01).status_code == 200, "another token of the project"
        assert poll(theirs, "other", 0.01).status_code == 200, "another project"
        with database.write() as session:
            jobs.claim(session, "w", 60.0)  # an event for the first job
        assert {answer.result(30).status_code for answer in held} == {200}
    assert streams.taken == 0


def test_exports_are_shared_too(guarded: TestClient, database: Database, given: Tokens) -> None:
    with database.write() as session:
        ours, theirs = (
            jobs.create(session, history.THREE, history.PLAN, project=project)[0].id for project in ("ours", "theirs")
        )
    context = guarded.app.state.context  # type: ignore[attr-defined]
    me = guarded.get("/v1/me", headers=bearer(given["read"])).json()
    seats = context.seen_by(Viewer(me["token_id"], "", frozenset(), "ours")).exports
    assert [seats.acquire() for _ in range(3)] == [True, True, False]
    refused = guarded.get(f"/v1/jobs/{ours}/trials/export", headers=bearer(given["read"]))
    assert (refused.status_code, refused.json()["code"]) == (503, "too-many-streams")
    assert guarded.get(f"/v1/jobs/{theirs}/trials/export", headers=bearer(given["other"])).status_code == 200
    for _ in range(2):
        seats.release()
    assert guarded.get(f"/v1/jobs/{ours}/trials/export", headers=bearer(given["read"])).status_code == 200
    assert context.exports.taken == 0


def test_whole_tables_are_shared_and_news_of_them_is_free(
    guarded: TestClient, database: Database, given: Tokens
) -> None:
    with database.write() as session:
        job = jobs.create(session, history.THREE, history.PLAN, project="ours")[0].id
    me = guarded.get("/v1/me", headers=bearer(given["read"])).json()
    context = guarded.app.state.context  # type: ignore[attr-defined]
    seats = context.seen_by(Viewer(me["token_id"], "", frozenset(), "ours")).tables
    assert [seats.acquire() for _ in range(3)] == [True, True, False]
    here = f"/v1/jobs/{job}/trials/columns"
    refused = guarded.get(here, headers=bearer(given["read"]))
    assert (refused.status_code, refused.json()["code"]) == (503, "too-many-streams")
    assert guarded.get(f"{here}?since=1", headers=bearer(given["read"])).status_code == 200
    for _ in range(2):
        seats.release()
    assert guarded.get(here, headers=bearer(given["read"])).json()["is_whole"]
    assert context.tables.taken == 0
