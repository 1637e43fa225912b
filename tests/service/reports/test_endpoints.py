"""The report of jobs in every state, over both databases."""

import re
import time
from html.parser import HTMLParser

import pytest
import yaml
from starlette.testclient import TestClient

from service.examples import DEMO_JOB
from store import attempts, jobs
from store.sessions import Database
from tests.service import history
from tests.service.analyses.test_endpoints import searched

SECTIONS = (
    "In short",
    "Sparsity at equal FLOPs",
    "Best of each family",
    "Comparison at equal FLOPs",
    "The larger dense model it equals",
    "Pareto front",
    "Best level of sparsity",
    "What of the mask schedule matters",
    "What ran and what did not",
    "Where the compute went",
    "Every configuration",
    "Environment",
    "To run it again",
    "How to cite",
)


class Page(HTMLParser):
    """What a browser would see of a page: its tags, what it would ask for, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.asked: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "srcset", "data", "action") and not (value or "").startswith("#"):
                self.asked.append(value or "")


def markdown(client: TestClient, job_id: str) -> str:
    response = client.get(f"/v1/jobs/{job_id}/report", headers={"Accept": "text/markdown"})
    assert (response.status_code, response.headers["content-type"]) == (200, "text/markdown; charset=utf-8")
    return response.text


def test_the_page_is_whole_and_asks_nobody(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.over(session).id
    response = client.get(f"/v1/jobs/{job_id}/report")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-disposition"] == f'inline; filename="{job_id}.html"'
    assert "default-src 'none'" in response.headers["content-security-policy"]
    page = Page(response.text)
    assert page.asked == []
    assert "script" not in page.tags
    assert {"svg", "table", "h1", "nav"} <= page.tags
    assert "@import" not in response.text
    assert len(page.ids) == len(set(page.ids)), "both widths of a chart stand in one page"
    assert not re.search(r"url\((?!#)", response.text)
    for title in SECTIONS:
        assert f">{title}</h2>" in response.text


def test_the_numbers_are_those_of_the_other_answers(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.over(session).id
    text = markdown(client, job_id)
    curve = client.get(f"/v1/jobs/{job_id}/curve").json()
    assert curve["headline"] in text.replace("\u00a0", " ")
    assert "| Sparse Wide | 50.1 % | +1.05 | +0.41 to +1.69 | better | n = 2 (0, 1) |" in text  # 12.706 · .05 = .64
    assert "| Dense baseline | 2 | 2 |" in text
    assert "| Confirmation, fresh seeds | 4 | 2 |" in text  # of two families with a feasible point
    assert "better than dense by 1.05 points (95 % interval +0.41 to +1.69, n = 2 seeds; confirmed" in text.replace(
        "\u00a0", " "
    )
    assert "No dense-equivalent multiplier is given." in text
    assert "The job asked for no ladder" in text
    assert "As few as 2 seeds per answer." in text.replace("\u00a0", " ")
    assert "| Sparse Doped | 90 % | No sizes of sparse\\_doped at 0.9 meet the budget. |" in text
    assert "@misc{" + job_id.replace("_", "-") in text


def test_a_whole_search_fills_every_section(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = searched(session).id
    text = markdown(client, job_id)
    equal = client.get(f"/v1/jobs/{job_id}/equivalence").json()["multipliers"][0]
    assert f"{equal['value']:.2f}×" in text
    assert "What decides whether one of 12 runs" in text
    assert re.search(r"rigl against static \| \+0\.30", text)
    assert "Dense 2.00×" in text
    assert "this report is as of" in text


def test_the_job_file_asks_for_the_same_job(client: TestClient) -> None:
    jobs_labels = {"team": "vision", "stage": "a: #1"}
    job_id = client.post("/v1/jobs", json={**DEMO_JOB, "ladder": [2.0], "seed": 3}).json()["id"]
    client.patch(f"/v1/jobs/{job_id}", json={"labels": jobs_labels})
    shown = client.get(f"/v1/jobs/{job_id}").json()
    found = re.search(r"```yaml\n(.*?)\n```", markdown(client, job_id), re.DOTALL)
    assert found
    body = yaml.safe_load(found[1])
    assert body["labels"] == jobs_labels
    again = client.post("/v1/jobs?dry_run=true", json=body)
    assert again.status_code == 200, again.text
    assert again.json()["spec"] == shown["spec"]


def test_states_without_a_result_are_told_as_they_are(client: TestClient, database: Database) -> None:
    with database.write() as session:
        empty = history.submitted(session).id
    text = markdown(client, empty)
    assert "No result yet" in text
    assert "No attempt has begun." in text
    assert "Nothing was trained yet." in text
    assert "No sparse run has a result" in text
    page = client.get(f"/v1/jobs/{empty}/report").text
    assert "Sparse points appear here as their runs finish" in page


def test_a_failed_job_says_why(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job = history.claimed(session)
        broken = history.begun(session, job, 0, history.DENSE_POINT, "baseline")
        attempts.fail(session, broken.id, broken.token, "user", "No <b>such</b> | optimizer.")
        jobs.finish(session, job.id, job.lease_token or "", "failed", "baseline_failed", "No dense baseline.")
    text = markdown(client, job.id)
    assert "The job has failed (No dense baseline): 1 of 1 run finished, 1 failed." in text.replace("\u00a0", " ")
    assert "| failed | user | 1 of Dense | trial 0: No \\<b\\>such\\</b\\> \\| optimizer. |" in text
    page = client.get(f"/v1/jobs/{job.id}/report").text
    assert "No &lt;b&gt;such&lt;/b&gt; | optimizer." in page


def test_a_running_job_names_what_it_lacks(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job_id = history.half_done(session).id
    text = markdown(client, job_id).replace("\u00a0", " ")
    assert "| failed | diverged | 1 of Sparse Wide | trial 5: The loss is not finite. |" in text
    assert "provisional: chosen and reported by the same runs" in text
    assert "Runs without a result: 1 failed." in text
    assert "| PyTorch | 2 |" in text


def test_the_etag_holds_until_the_next_event(client: TestClient, database: Database) -> None:
    with database.write() as session:
        job = history.half_done(session)
    here = f"/v1/jobs/{job.id}/report"
    first = client.get(here)
    etag = first.headers["ETag"]
    assert (first.headers["Vary"], first.headers["Cache-Control"]) == ("Accept", "no-cache")
    began = time.perf_counter()
    same = client.get(here, headers={"If-None-Match": etag})
    assert (same.status_code, same.content) == (304, b"")
    assert time.perf_counter() - began < 0.5, "it is not written anew"
    assert client.get(here, params={"format": "markdown"}).headers["ETag"] != etag
    with database.write() as session:
        history.completed(session, job, 7, value=95.0, seed=3)
    assert client.get(here, headers={"If-None-Match": etag}).status_code == 200


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"params": {"format": "pdf"}}, 422, "invalid-request"),
        ({"headers": {"Accept": "application/pdf"}}, 406, "not-acceptable"),
    ],
)
def test_other_formats_are_refused(
    client: TestClient, database: Database, asked: dict[str, dict[str, str]], status: int, code: str
) -> None:
    with database.write() as session:
        job_id = history.submitted(session).id
    response = client.get(f"/v1/jobs/{job_id}/report", **asked)  # type: ignore[arg-type]
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert client.get("/v1/jobs/job_0/report").status_code == 404
