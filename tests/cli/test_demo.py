"""The demo's job: the same one when it is run again, a new one when that is past saving."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from sparseift.cli.demo import JOB, submitted
from sparseift.cli.jobfile import JobFile, read
from sparseift.client import ApiError, Client


class Jobs:
    """The service's jobs by their keys, as its idempotency promises."""

    def __init__(self) -> None:
        self.by_key: dict[str, dict[str, Any]] = {}
        self.conflicts: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        key = request.headers["idempotency-key"]
        if key in self.conflicts:
            return httpx.Response(409, json={"detail": "Another request.", "code": "idempotency-conflict"})
        created = key not in self.by_key
        job = self.by_key.setdefault(key, {"id": f"job_{len(self.by_key)}", "state": "queued"})
        return httpx.Response(201 if created else 200, json=job)


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


def run(jobs: Jobs, document: JobFile) -> str:
    with Client(transport=httpx.MockTransport(jobs)) as client:
        return str(submitted(client, document)["id"])


def test_a_rerun_goes_on_with_the_first_job(jobs: Jobs) -> None:
    first = run(jobs, read(JOB))
    for state in ("queued", "running", "succeeded"):
        jobs.by_key[next(iter(jobs.by_key))]["state"] = state
        assert run(jobs, read(JOB)) == first


@pytest.mark.parametrize("state", ["failed", "cancelled", "stopping"])
def test_a_job_past_saving_is_followed_by_a_new_one_which_the_next_rerun_goes_on_with(jobs: Jobs, state: str) -> None:
    first = run(jobs, read(JOB))
    jobs.by_key[next(iter(jobs.by_key))]["state"] = state
    second = run(jobs, read(JOB))
    assert second != first
    assert run(jobs, read(JOB)) == second


def test_another_document_is_another_job(jobs: Jobs) -> None:
    assert run(jobs, read(JOB)) != run(jobs, read(JOB, ("seed=1",)))


def test_a_key_of_an_earlier_version_is_left_alone(jobs: Jobs) -> None:
    run(jobs, read(JOB))
    jobs.conflicts = set(jobs.by_key)
    assert run(jobs, read(JOB)) == "job_1"


def test_a_refusal_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text("model: gpt\ndataset: digits\n")
    problem = {"detail": "No.", "code": "invalid-request", "errors": [{"field": "dataset.name", "message": "No."}]}
    transport = httpx.MockTransport(lambda _: httpx.Response(422, json=problem))
    with Client(transport=transport) as client, pytest.raises(ApiError, match=r"job\.yaml:2:1: No\."):
        submitted(client, read(path))
