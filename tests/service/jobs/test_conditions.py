"""Conditions: what became of a job, with reason, sentence and time."""

from typing import Any

from starlette.testclient import TestClient

from service.jobs.conditions import ConditionMemory
from store import jobs, verbs
from store.sessions import Database
from store.tables import Job
from tests.service import history


def conditions(client: TestClient, job_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/v1/jobs/{job_id}").json()["conditions"]
    return found


def test_a_job_tells_what_became_of_it(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.submitted(session).id
    planned, queued = conditions(client, job_id)
    shown = client.get(f"/v1/jobs/{job_id}").json()
    assert shown["started_at"] is None
    assert planned == {
        "type": "planned",
        "at": shown["created_at"],
        "reason": "planned",
        "message": "2 of 3 points of the space meet the dense model's FLOPs.",
    }
    assert (queued["type"], queued["reason"], queued["message"]) == ("queued", "submitted", "A user submitted the job.")
    with database.write() as session:
        jobs.claim(session, "desk/1", 60.0)
    running = conditions(client, job_id)[-1]
    assert (running["type"], running["reason"]) == ("running", "claimed")
    assert running["message"] == "The worker 'desk/1' took the job."
    assert client.get(f"/v1/jobs/{job_id}").json()["started_at"] <= running["at"]
    for verb in ("pause", "resume", "pause", "resume"):
        client.post(f"/v1/jobs/{job_id}:{verb}")
    assert [c["type"] for c in conditions(client, job_id)] == ["planned", "queued", "paused", "running"]
    client.post(f"/v1/jobs/{job_id}:extend", json={"search_trials": 50})
    extended = conditions(client, job_id)[-1]
    assert (extended["type"], extended["message"]) == (
        "extended",
        "A user extended the budget: search_trials from 4 to 50.",
    )
    client.post(f"/v1/jobs/{job_id}:cancel")
    last = conditions(client, job_id)[-1]
    assert (last["type"], last["reason"]) == ("stopping", "cancel")
    times = [c["at"] for c in conditions(client, job_id)]
    assert times == sorted(times)
    assert "conditions" not in client.get("/v1/jobs").json()["items"][0]


def test_slots_that_the_search_leaves_idle_are_told(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.submitted(session).id
        jobs.claim(session, "desk/1", 60.0, 8)
    told = "The worker 'desk/1' took the job. Of its 8 slots the search uses 2 at a time (in_flight)."
    assert conditions(client, job_id)[-1]["message"] == told


def test_a_job_that_ended_and_goes_on_is_queued_again(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.over(session).id
    assert conditions(client, job_id)[-1]["type"] == "succeeded"
    assert client.post(f"/v1/jobs/{job_id}:extend", json={"search_trials": 50}).status_code == 200
    last = conditions(client, job_id)[-1]
    assert (last["type"], last["reason"]) == ("queued", "extended")


def test_what_is_remembered_is_what_the_whole_log_says(database: Database) -> None:
    memory = ConditionMemory()
    with database.write() as session:
        job_id = history.claimed(session).id
    for step in (verbs.pause, verbs.resume, verbs.stop, verbs.cancel):
        with database.write() as session:
            step(session, job_id)
        with database.read() as session:
            job = session.get_one(Job, job_id)
            assert memory.get(session, job) == ConditionMemory().get(session, job)
