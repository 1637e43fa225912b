"""All trials of a job as columns, what has changed of them, and what ran where."""

from starlette.testclient import TestClient

from service.trials.schemas import TimelineView, TrialColumns
from store.sessions import Database
from tests.service import history


def test_columns_and_later_what_has_changed(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job = history.half_done(session)
    here = f"/v1/jobs/{job.id}/trials/columns"
    first = client.get(here).json()
    TrialColumns.model_validate(first)
    assert first["is_whole"]
    assert first["columns"]["number"] == [0, 1, 2, 3, 4, 5, 6]
    with database.write() as session:
        history.completed(session, job, 7, seed=9)
    later = client.get(here, params={"since": first["last_event"]}).json()
    assert (later["is_whole"], later["columns"]["number"]) == (False, [7])
    again = client.get(here, params={"since": later["last_event"]}).json()
    assert again["columns"]["number"] == []
    assert client.get("/v1/jobs/job_0/trials/columns").status_code == 404


def test_what_ran_where_is_answered_again_only_when_it_changed(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job = history.half_done(session)
    here = f"/v1/jobs/{job.id}/trials/timeline"
    first = client.get(here, params={"newest": 2})
    TimelineView.model_validate(first.json())
    assert first.json()["columns"]["trial"] == [5, 6]
    assert client.get(here, params={"newest": 2}, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    with database.write() as session:
        history.begun(session, job, 7)
    assert client.get(here, params={"newest": 2}).json()["columns"]["trial"] == [6, 7]


def test_trials_of_a_configuration_are_found_among_many(client: TestClient, database: Database) -> None:
    """Confirmations come last by number, behind hundreds of their family at their sparsity."""
    with database.write() as session:
        job = history.half_done(session)
        history.completed(session, job, 7, history.WIDE, "confirm", seed=11)
    here = f"/v1/jobs/{job.id}/trials"
    key = client.get(f"{here}/7").json()["configuration_key"]
    found = client.get(here, params={"configuration": key}).json()["items"]
    assert [t["number"] for t in found] == [3, 5, 7]
    assert client.get(here, params={"configuration": key, "kind": "confirm"}).json()["items"] == found[-1:]
    assert client.get(here, params={"configuration": "none"}).json()["items"] == []
