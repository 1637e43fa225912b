"""SIGTERM to a real server: what is under way is answered or ended in good order, within the stated seconds."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from service.__main__ import SHUTDOWN_S
from store.sessions import Database
from tests.service import history
from tests.service.test_main import JOB, served

SLACK_S = 10.0  # a busy machine's


def run(answers: list[Any], ask: Callable[[], Any]) -> threading.Thread:
    """Ask in a thread; what comes of it, or how it broke, is put into `answers`."""

    def work() -> None:
        try:
            answers.append(ask())
        except httpx.HTTPError as error:
            answers.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.slow
def test_what_waits_is_sent_home_at_once(database: Database, tmp_path: Path) -> None:
    """A stream, a long poll and a followed log end as such answers end: with nothing missing and no error."""
    with database.write() as session:
        job = history.claimed(session)
        history.begun(session, job, 0)
    here = f"/v1/jobs/{job.id}"
    with served(database.url, "--artifacts", str(tmp_path)) as (process, address):
        with httpx.Client(base_url=address, timeout=60) as client:
            last = client.get(f"{here}/events").json()["last_id"]
        answers: list[Any] = []
        threads = [
            run(
                answers,
                lambda headers=headers, path=path: httpx.get(address + here + path, headers=headers, timeout=60),
            )
            for path, headers in (
                ("/events", {"Accept": "text/event-stream"}),
                (f"/events?after={last}&wait_s=60", {}),
                ("/trials/0/log?follow=true", {}),
            )
        ]
        wait_for_connections(process.pid, 3)
        time.sleep(0.5)  # each is past its first look
        began = time.monotonic()
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=SHUTDOWN_S + SLACK_S) == 0
        assert time.monotonic() - began < SHUTDOWN_S, "nobody had to be cut off"
        for thread in threads:
            thread.join(10)
    assert [getattr(answer, "status_code", answer) for answer in answers] == [200, 200, 200]
    (poll,) = [a.json() for a in answers if a.headers["content-type"] == "application/json"]
    assert poll == {"items": [], "last_id": last, "ended": False}


@pytest.mark.slow
def test_a_plan_under_way_is_answered(edge_url: str) -> None:
    """Its planner is held still, so that no plan is ready within the grace."""
    with served(edge_url) as (process, address):
        httpx.get(f"{address}/readyz").raise_for_status()
        (planner,) = psutil.Process(process.pid).children()
        planner.suspend()
        answers: list[Any] = []
        thread = run(answers, lambda: httpx.post(f"{address}/v1/jobs?dry_run=true", json=JOB, timeout=60))
        wait_for_connections(process.pid, 1)
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=SHUTDOWN_S + SLACK_S) == 0
        thread.join(10)
        (answer,) = answers
        assert isinstance(answer, httpx.Response), answer
        assert (answer.status_code, answer.json()["code"]) == (503, "planner-unavailable")
        assert answer.headers["Retry-After"]
        assert psutil.wait_procs([planner], timeout=10)[1] == []


def wait_for_connections(pid: int, count: int) -> None:
    """Until the server has so many open ones."""
    until = time.monotonic() + 20.0
    while time.monotonic() < until:
        established = [c for c in psutil.Process(pid).net_connections("tcp") if c.status == psutil.CONN_ESTABLISHED]
        if len([c for c in established if c.laddr.port != 5432 and c.raddr.port != 5432]) >= count:
            return
        time.sleep(0.02)
    pytest.fail("the requests did not arrive")
