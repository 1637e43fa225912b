"""`sparseift serve` itself: what it prints is true, and nothing outlives it, however it ends."""

import re
import time
from collections.abc import Callable

import httpx
import psutil
import pytest

from sparseift.client import Client
from store import attempts, jobs
from store.sessions import Database
from tests.e2e.conftest import Server, StartServer

pytestmark = pytest.mark.slow

LONG = {"model": {"name": "mlp"}, "dataset": {"name": "digits"}, "training": {"epochs": 10_000}}


def wait_until(true: Callable[[], object], limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    return start_server(None, "--slots", "1", "--threads-per-slot", "1")


def test_every_address_that_it_prints_answers(server: Server) -> None:
    addresses = re.findall(r"http://\S+", server.log.read_text())
    assert len(addresses) == 2
    for address in addresses:
        assert httpx.get(address, trust_env=False, timeout=30).status_code == 200, address


def test_a_killed_one_takes_its_programs_along(server: Server) -> None:
    """Last in this module: it ends the server. What runs is handed back, and waits for the next `serve`."""
    with Client(server.url) as client:
        job_id = client.submit(LONG)["id"]
        wait_until(lambda: client.job(job_id)["trials"].get("running"))
        server.note_children()
    assert len(psutil.Process(server.process.pid).children()) == 3
    server.process.kill()
    server.process.wait()
    _, alive = psutil.wait_procs(server.below, timeout=30)
    assert alive == []
    database = Database(f"sqlite:///{server.folder / 'data' / 'sparseift.db'}")
    with database.read() as session:
        assert attempts.running(session) == []
        assert jobs.get(session, job_id).lease_token is None
    database.close()
    logs = {path.name: path.read_text() for path in (server.folder / "data" / "logs").glob("*.log")}
    assert "Stopped." in logs["service.log"], "it ended in order, as after SIGTERM"
    assert not [name for name, text in logs.items() if "Traceback" in text], logs
