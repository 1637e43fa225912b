"""What can be asked of a job over HTTP; `tests/store/test_verbs.py` has every state."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from service.examples import SMALLEST_JOB
from store.sessions import Database
from tests.service import history
from tests.service.fakes import FakePlanner


def submit(client: TestClient, **changes: Any) -> str:
    return str(client.post("/v1/jobs", json={**SMALLEST_JOB, **changes}).json()["id"])


def say(client: TestClient, job_id: str, verb: str, expected: int = 200, **body: Any) -> dict[str, Any]:
    response = client.post(f"/v1/jobs/{job_id}:{verb}", json=body or None)
    assert response.status_code == expected, response.text
    found: dict[str, Any] = response.json()
    return found


def test_a_running_job_is_paused_resumed_stopped_and_cancelled(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.half_done(session).id
    for verb, state in (("pause", "paused"), ("resume", "running"), ("stop", "stopping"), ("cancel", "stopping")):
        for _ in range(2):
            job = say(client, job_id, verb)
            assert (job["state"], job["eta_seconds"] is None) == (state, state != "running")
    assert (job["wanted"], job["search_closed"], job["reason"]) == ("cancel", "stopped", "cancel")
    refused = say(client, job_id, "pause", 409)
    assert (refused["code"], refused["state"]) == ("state-conflict", "stopping")
    kinds = [event["kind"] for event in client.get(f"/v1/jobs/{job_id}/events").json()["items"]]
    assert [k for k in kinds if k.startswith("job.")][2:] == [
        "job.paused", "job.running", "job.stopping", "job.stopping"
    ]  # fmt: skip


def test_a_job_that_has_not_begun_waits_or_is_cancelled(client: TestClient) -> None:
    job_id = submit(client)
    assert say(client, job_id, "pause")["state"] == "paused"
    assert say(client, job_id, "resume")["state"] == "queued"
    assert say(client, job_id, "stop")["state"] == "cancelled"
    assert say(client, job_id, "cancel")["state"] == "cancelled"
    assert say(client, job_id, "resume", 409)["state"] == "cancelled"


@pytest.mark.parametrize(("verb", "wish"), [("pause", "hand_back"), ("stop", "stop")])
def test_what_running_trials_do_is_the_users_choice(
    client: TestClient, database: Database, verb: str, wish: str
) -> None:
    with database.write() as session:
        job_id = history.half_done(session).id
    assert client.post(f"/v1/jobs/{job_id}:{verb}?running={wish}").status_code == 200
    refused = client.post(f"/v1/jobs/{job_id}:{verb}?running=dance")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "running")


def test_a_finished_job_is_extended_to_new_totals(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.over(session).id
    for _ in range(2):  # absolute totals: the request can be sent again
        job = say(client, job_id, "extend", search_trials=9, failures_allowed=3)
        assert (job["state"], job["spec"]["budget"]["search_trials"]) == ("queued", 9)
    assert job["planned_trials"]["search"] == 9
    refused = say(client, job_id, "extend", 422, search_trials=2)
    assert "can only be raised" in refused["detail"]
    assert say(client, job_id, "extend", 422, when_spent="stop")["errors"][0]["field"] == "when_spent"


def test_a_job_is_moved_in_the_queue(client: TestClient) -> None:
    job_id = submit(client, priority=-3)
    assert client.get(f"/v1/jobs/{job_id}").json()["priority"] == -3
    assert say(client, job_id, "prioritize", priority=7)["priority"] == 7
    assert say(client, job_id, "prioritize", 422, priority=101)["errors"][0]["field"] == "priority"


def test_a_clone_is_a_new_job_with_changes(client: TestClient, planner: FakePlanner) -> None:
    job_id = submit(client, seed=3, space={"sparsities": [0.5, 0.9]}, name="first")
    changes = {"seed": 4, "space": {"methods": ["static"]}, "name": None}
    clone = say(client, job_id, "clone", 201, **changes)
    assert clone["id"] != job_id
    old = client.get(f"/v1/jobs/{job_id}").json()["spec"]
    assert clone["spec"] == old | {
        "seed": 4, "name": "mlp on digits", "space": old["space"] | {"methods": ["static"]}
    }  # fmt: skip
    first = client.get(f"/v1/jobs/{clone['id']}/events").json()["items"][0]
    assert first["payload"]["cloned_from"] == job_id
    assert say(client, job_id, "clone", 201)["spec"] == old
    refused = say(client, job_id, "clone", 422, budget={"search_trials": 0})
    assert refused["errors"][0]["field"] == "budget.search_trials"
    assert client.post("/v1/jobs/job_0:clone", json={}).status_code == 404


def test_limits_are_positive_and_leave_something_to_search(client: TestClient) -> None:
    for field in ("wall_time_s", "device_hours", "training_flops"):
        refused = client.post("/v1/jobs", json={**SMALLEST_JOB, "budget": {field: 0}})
        assert refused.json()["errors"][0]["field"] == f"budget.{field}"
    finals = (3 + 4 * 3) * 1.92e8
    refused = client.post("/v1/jobs", json={**SMALLEST_JOB, "budget": {"training_flops": finals}})
    assert refused.status_code == 422
    assert "the baseline, the confirmations and the ladder alone take 2.88e+09" in refused.json()["detail"]
    job = client.post("/v1/jobs", json={**SMALLEST_JOB, "budget": {"training_flops": 2 * finals}}).json()
    assert job["spec"]["budget"]["training_flops"] == 2 * finals
    assert job["spent"] == {"wall_time_s": 0.0, "device_hours": 0.0, "training_flops": 0.0}


def test_a_running_job_tells_what_it_has_spent(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.half_done(session).id
    spent = client.get(f"/v1/jobs/{job_id}").json()["spent"]
    # four complete at 1.9e8 each; two that reported 1e6 per step have come to step 20
    assert spent["training_flops"] == 4 * 1.9e8 + 2 * 20e6
    assert 0.0 <= spent["device_hours"] < 1.0


def test_a_ladder_is_planned_and_a_search_starts_from_jobs_that_have_ended(
    client: TestClient, database: Database
) -> None:
    planned = client.post("/v1/jobs?dry_run=true", json={**SMALLEST_JOB, "ladder": [1.5, 4]}).json()["planned_trials"]
    assert (planned["ladder"], planned["total"]) == (6, 3 + 24 + 12 + 6)
    with database.write() as session:
        ended, runs = history.over(session).id, history.half_done(session).id
    for earlier, words in (("job_0", "no job"), (runs, "is running; only"), ("nothing", "pattern")):
        refused = client.post("/v1/jobs", json={**SMALLEST_JOB, "start_from": [earlier]})
        assert refused.json()["errors"][0]["field"] == "start_from.0"
        assert words in refused.json()["detail"]
    assert submit(client, start_from=[ended])
    refused = client.post("/v1/jobs", json={**SMALLEST_JOB, "dataset": {"name": "cifar10"}, "start_from": [ended]})
    assert "is not on this data set" in refused.json()["detail"]
