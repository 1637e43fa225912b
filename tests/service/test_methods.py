"""405 tells every method that the address takes."""

import pytest
from starlette.testclient import TestClient


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("OPTIONS", "/v1/jobs", "GET, POST"),
        ("PUT", "/v1/jobs/job_0", "DELETE, GET, PATCH"),
        ("GET", "/v1/jobs/job_0:cancel", "POST"),
        ("DELETE", "/v1/jobs/job_0:cancel", "POST"),
        ("PATCH", "/v1/jobs/job_0:cancel", "POST"),
        ("PUT", "/v1/jobs:bulk", "POST"),
        ("POST", "/v1/jobs/job_0/trials/1/artifacts/a/b", "GET"),
        ("POST", "/v1/quotas/project/p", "DELETE, GET, PUT"),
        ("PATCH", "/healthz", "GET"),
    ],
)
def test_all_methods_of_an_address_are_named(edge: TestClient, method: str, path: str, allow: str) -> None:
    response = edge.request(method, path)
    assert (response.status_code, response.json()["code"]) == (405, "method-not-allowed")
    assert response.headers["Allow"] == allow


def test_an_address_that_is_none_takes_nothing(edge: TestClient) -> None:
    assert edge.get("/v1/jobs/job_0:dance").status_code == 404
    assert edge.post("/v1/nothing").status_code == 404
