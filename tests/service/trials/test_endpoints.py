"""A job's trials, page by page, and one with its course."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from sparseift.records import TrialResult
from store import attempts
from store.sessions import Database
from tests.service import history
from tests.service.fakes import DENSE_POINT
from tests.store.samples import RESULT, progress, started


def test_trials_are_paged_by_number_filtered_and_shown_whole(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job = history.half_done(session)
    here = f"/v1/jobs/{job.id}/trials"
    seen, token = [], None
    while True:
        page = client.get(here, params={"limit": 3} | ({"page_token": token} if token else {})).json()
        seen += [trial["number"] for trial in page["items"]]
        token = page["next_page_token"]
        if token is None:
            break
        with database.write() as session:
            history.added(session, job, 7 + len(seen))  # behind the page: a later one shows it
    assert seen == [0, 1, 2, 3, 4, 5, 6, 10, 13]

    assert [t["number"] for t in client.get(f"{here}?family=sparse_wide&state=failed").json()["items"]] == [5]
    assert client.get(f"{here}?family=unheard").json()["items"] == []

    refused, dense = (client.get(f"{here}/{number}").json() for number in (0, 1))
    assert (refused["state"], refused["value"], refused["attempts"]) == ("infeasible", None, [])
    assert refused["message"] == "No sizes of sparse_doped at 0.9 meet the budget."
    assert (dense["kind"], dense["value"], dense["test_value"]) == ("baseline", 90.0, 89.0)
    assert dense["configuration"] == {"family": "dense", "nominal_sparsity": 0.0, "schedule": None}
    assert [r["step"] for r in dense["reports"]] == [10, 20]
    assert [(a["state"], a["worker"], a["environment"]) for a in dense["attempts"]] == [
        ("finished", "w", {"torch": "2"})
    ]
    assert dense["links"] == {
        "self": f"{here}/1",
        "job": f"/v1/jobs/{job.id}",
        "metrics": f"{here}/1/metrics",
        "log": f"{here}/1/log",
    }


def test_a_long_course_is_thinned_and_a_checkpoint_shown(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job = history.claimed(session)
        attempt = started(session, job, history.added(session, job, 0, DENSE_POINT, "baseline"))
        attempts.write_reports(session, attempt.id, attempt.token, [progress(i) for i in range(1, 101)])
        attempts.saved_checkpoint(session, attempt.id, attempt.token, 50, "a/step-50")
        result: TrialResult = replace(RESULT, sparsity=0.0)
        attempts.finish(session, attempt.id, attempt.token, result)
    found = client.get(f"/v1/jobs/{job.id}/trials/0?reports=5").json()
    assert len(found["reports"]) == 5
    assert (found["reports"][0]["step"], found["reports"][-1]["step"]) == (1, 100)
    assert (found["checkpoint"]["step"], found["checkpoint"]["path"]) == (50, "a/step-50")


@pytest.mark.parametrize("path", ["job_0/trials", "job_0/trials/1", "nothing/trials", "job_0/trials/one"])
def test_what_is_not_there(edge: TestClient, path: str) -> None:
    response = edge.get(f"/v1/jobs/{path}")
    assert (response.status_code, response.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("query", ["family=a'b", "state=done", "page_token=am9icyBqb2JfMQ"])
def test_wrong_filters(edge: TestClient, query: str) -> None:
    response = edge.get(f"/v1/jobs/job_0/trials?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "invalid-request")
