"""What no route knows is refused in the query too."""

import pytest
from starlette.testclient import TestClient

from service.examples import SMALLEST_JOB


def test_a_typing_error_stores_no_job(edge: TestClient) -> None:
    refused = edge.post("/v1/jobs?dryrun=true", json=SMALLEST_JOB)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid-request")
    assert refused.json()["errors"][0]["field"] == "dryrun"
    assert "its parameters are dry_run" in refused.json()["detail"]
    assert edge.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize("path", ["/v1/jobs?stat=running", "/v1/families?x=1", "/v1/me?x", "/metrics?x=1"])
def test_reads_too(edge: TestClient, path: str) -> None:
    assert edge.get(path).json()["code"] == "invalid-request"


def test_probes_may_say_what_they_like(edge: TestClient) -> None:
    assert edge.get("/healthz?from=balancer").status_code == edge.get("/readyz?x=1").status_code == 200


def test_a_wrong_method_is_told_before_a_wrong_parameter(edge: TestClient) -> None:
    assert edge.patch("/v1/jobs/job_0:pause?running=finish").status_code == 405


def test_a_name_of_any_size_is_told_of_shortly(edge: TestClient) -> None:
    refused = edge.get("/v1/me", params={"é\n" * 2000: "1"})
    assert refused.status_code == 422
    assert len(refused.text) < 1000
