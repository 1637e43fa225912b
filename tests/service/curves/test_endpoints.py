"""The answer as numbers and as charts."""

import csv
import io

import pytest
from starlette.testclient import TestClient

from analysis.curve import Curve
from service.curves.endpoints import holds
from service.curves.schemas import CurveView
from store import attempts, jobs
from store.sessions import Database
from tests.service import history

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def test_the_curve_as_numbers(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id, empty_id = history.over(session).id, history.submitted(session).id
    response = client.get(f"/v1/jobs/{job_id}/curve")
    found = response.json()
    CurveView.model_validate(found)
    assert Curve.from_json(found).to_json() == Curve.from_json(found).to_json()
    (point,) = found["points"]
    assert (point["confirmed"], point["values"], point["search_values"]) == (True, [91.1, 91.2], [91.4])
    assert point["gain"]["method"] == "blocked"
    assert point["gain"]["mean"] == pytest.approx(1.05)
    assert found["dense"]["values"] == [90.0, 90.2]
    assert (found["expected_runs"], found["counts"]) == (5, {"complete": 5})
    assert found["provenance"]["model"] == "mlp(width=64)"

    best = client.get(f"/v1/jobs/{job_id}/best").json()
    assert best == {k: v for k, v in found.items() if k != "points"}

    empty = client.get(f"/v1/jobs/{empty_id}/curve").json()
    CurveView.model_validate(empty)
    assert (empty["points"], empty["dense"], empty["best"]) == ([], None, [])
    assert empty["headline"].startswith("No result yet")


def test_a_lost_confirmation_is_named_when_the_job_is_over(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job = history.claimed(session)
        for i, value in enumerate((90.0, 90.2)):
            history.completed(session, job, i, history.DENSE_POINT, "baseline", value, seed=i)
        history.completed(session, job, 2, value=91.4, seed=7)
        history.completed(session, job, 3, kind="confirm", value=91.1, seed=0)
        broken = history.begun(session, job, 4, kind="confirm", seed=1)
        attempts.fail(session, broken.id, broken.token, "diverged", "The loss is not finite.")
        jobs.finish(session, job.id, job.lease_token or "", "succeeded", "done", "Every trial has ended.")
    found = client.get(f"/v1/jobs/{job.id}/curve").json()
    assert "Sparse Wide: 1 of 2 confirmation runs failed." in found["remarks"]
    assert found["headline"].endswith("not yet a gain, on 1 of 2 fresh seeds.")


def test_a_failed_jobs_headline_sends_to_the_runs_that_failed(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job = history.claimed(session)
        broken = history.begun(session, job, 0, history.DENSE_POINT, "baseline")
        attempts.fail(session, broken.id, broken.token, "user", "No such optimizer.")
        jobs.finish(session, job.id, job.lease_token or "", "failed", "baseline_failed", "No dense baseline.")
    assert client.get(f"/v1/jobs/{job.id}").json()["headline"] == (
        "The job ended without a result: 1 of 1 run finished, 1 failed; the failed run's message says why."
    )


def test_the_etag_holds_until_the_curve_changes(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job = history.half_done(session)
    here = f"/v1/jobs/{job.id}/curve"
    first = client.get(here)
    etag = first.headers["ETag"]
    same = client.get(here, headers={"If-None-Match": f'"other", W/{etag}'})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    assert client.get(here, params={"format": "csv"}).headers["ETag"] != etag
    with database.write() as session:
        history.completed(session, job, 7, value=95.0, seed=3)
    changed = client.get(here, headers={"If-None-Match": etag})
    assert (changed.status_code, changed.headers["ETag"] == etag) == (200, False)


def test_every_format_by_name_and_by_accept(edge_history: tuple[TestClient, str]) -> None:
    client, job_id = edge_history
    here = f"/v1/jobs/{job_id}/curve"
    beginnings = {
        "csv": ("text/csv; charset=utf-8", b""),
        "svg": ("image/svg+xml", b"<svg"),
        "png": ("image/png", b"\x89PNG"),
        "html": ("text/html; charset=utf-8", b"<!doctype html>"),
    }
    for name, (media_type, beginning) in beginnings.items():
        by_name = client.get(here, params={"format": name})
        by_accept = client.get(here, headers={"Accept": media_type.partition(";")[0]})
        assert by_name.status_code == 200
        assert by_name.headers["content-type"] == media_type
        assert by_name.content.startswith(beginning)
        assert by_name.headers["content-disposition"] == f'inline; filename="{job_id}.{name}"'
        assert by_accept.content == by_name.content
    rows = list(csv.DictReader(io.StringIO(client.get(here, params={"format": "csv"}).text)))
    assert {row["family"] for row in rows} >= {"sparse_wide"}


def test_a_browser_gets_a_page_that_can_reach_nothing(edge_history: tuple[TestClient, str]) -> None:
    client, job_id = edge_history
    page = client.get(f"/v1/jobs/{job_id}/curve", headers={"Accept": BROWSER})
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "allow-same-origin" not in policy


def test_themes_are_different_pictures(edge_history: tuple[TestClient, str]) -> None:
    client, job_id = edge_history
    light, dark = (
        client.get(f"/v1/jobs/{job_id}/curve", params={"format": "svg", "theme": theme}) for theme in ("light", "dark")
    )
    assert light.headers["ETag"] != dark.headers["ETag"]
    assert light.content != dark.content


def test_what_is_not_offered(edge_history: tuple[TestClient, str]) -> None:
    client, job_id = edge_history
    refused = client.get(f"/v1/jobs/{job_id}/curve", headers={"Accept": "application/pdf"})
    assert (refused.status_code, refused.json()["code"]) == (406, "not-acceptable")
    assert "image/png" in refused.json()["detail"]
    unknown = client.get(f"/v1/jobs/{job_id}/curve", params={"format": "pdf"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "invalid-request")
    for noun in ("curve", "best"):
        assert client.get(f"/v1/jobs/job_0/{noun}").json()["code"] == "not-found"


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, False), ('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"ab"', False), ("a", False)],
)
def test_if_none_match(given: str | None, expected: bool) -> None:
    assert holds(given, '"a"') is expected
