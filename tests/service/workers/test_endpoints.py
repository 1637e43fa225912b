"""Who works, on what, and which places are out of use."""

import pytest
from starlette.testclient import TestClient

from service.access.viewer import Viewer, viewer
from store import attempts, workers
from store.sessions import Database
from tests.service import history
from tests.store.samples import started

HERE = "here/cpu:0"  # of `tests.store.samples.started`


@pytest.fixture
def job_id(database: Database) -> str:
    """A running trial of worker "w", which has two slots, and a worker that has stopped."""
    with database.write() as session:
        for name, slot_names in (("w", [HERE, "here/cuda:1/0"]), ("x", ["there/cpu:0"])):
            workers.tell(
                session,
                name,
                host="here",
                process="7@boot/1",
                engine="local",
                slot_names=slot_names,
                versions={"torch": "2"},
                lease_ttl_s=60.0,
            )
        workers.leave(session, "x")
        job = history.claimed(session)
        history.begun(session, job, 0)
        return job.id


def test_workers_with_their_slots_and_what_runs_there(client: TestClient, job_id: str) -> None:
    first, second = client.get("/v1/workers").json()["items"]
    assert (first["name"], first["state"], first["alive"], first["job"]) == ("w", "alive", True, job_id)
    busy, free = first["slots"]
    assert (busy["slot"], busy["running"]["job"], busy["running"]["trial"]) == (HERE, job_id, 0)
    assert free == {"slot": "here/cuda:1/0", "running": None}
    assert (second["name"], second["state"], second["slots"]) == ("x", "stopped", [])
    page = client.get("/v1/workers?limit=1").json()
    rest = client.get(f"/v1/workers?limit=1&page_token={page['next_page_token']}").json()
    assert [w["name"] for w in page["items"] + rest["items"]] == ["w", "x"]
    assert rest["next_page_token"] is None


def test_slots_are_paged_and_let_out_of_quarantine(client: TestClient, job_id: str, database: Database) -> None:
    with database.write() as session:
        for attempt in attempts.running(session):
            attempts.lose(session, attempt.id, "Gone.")
        job = history.jobs.get(session, job_id)
        for number in (1, 2, 3):
            attempts.lose(session, started(session, job, history.added(session, job, number)).id, "Broken.")
    bad, free = client.get("/v1/slots").json()["items"]
    assert (bad["slot"], bad["worker"], bad["state"]) == (HERE, "w", "quarantined")
    assert (bad["quarantine"]["reason"], bad["quarantine"]["message"]) == ("losses", "Broken.")
    assert bad["quarantine"]["since"] < bad["quarantine"]["until"]
    assert (free["slot"], free["state"], free["quarantine"]) == ("here/cuda:1/0", "free", None)
    page = client.get("/v1/slots?limit=1").json()
    assert [s["slot"] for s in page["items"]] == [HERE]
    rest = client.get(f"/v1/slots?limit=1&page_token={page['next_page_token']}").json()
    assert ([s["slot"] for s in rest["items"]], rest["next_page_token"]) == (["here/cuda:1/0"], None)

    for _ in range(2):
        released = client.post(f"/v1/slots/{HERE}:release")
        assert (released.status_code, released.json()["state"]) == (200, "free")
    missing = client.post("/v1/slots/here/cuda:1/0:release")
    assert (missing.status_code, missing.json()["code"]) == (404, "not-found")


def test_what_runs_for_another_project_is_not_named(client: TestClient, job_id: str) -> None:
    other = Viewer("t", "n", frozenset({"read", "submit"}), "elsewhere")
    client.app.dependency_overrides[viewer] = lambda: other  # type: ignore[attr-defined]
    found = client.get("/v1/workers").json()["items"][0]
    assert (found["job"], found["slots"][0]["running"]["job"]) == (None, None)
    busy = client.get("/v1/slots").json()["items"][0]
    assert (busy["state"], busy["running"]["job"], busy["running"]["trial"]) == ("busy", None, None)
