from typing import TYPE_CHECKING

import pytest

from analysis.curve import Curve
from analysis.notebooks.api import DEFAULT_URL, VARIABLE, Api, ApiError

if TYPE_CHECKING:
    from conftest import FakeService


def test_jobs_and_curve(service: "FakeService", states: dict[str, Curve]) -> None:
    service.add("job_1", states["partial"], "running", 0.33)
    api = Api(f"{service.url}/")
    (job,) = api.jobs()
    assert (job.id, job.state, job.progress, job.failed) == ("job_1", "running", 0.33, 1)
    assert job.is_active
    assert api.job("job_1") == job
    assert api.curve("job_1") == states["partial"]


def test_an_unchanged_curve_is_the_same_object(service: "FakeService", states: dict[str, Curve]) -> None:
    service.add("job_1", states["dense"])
    api = Api(service.url)
    first = api.curve("job_1")
    assert api.curve("job_1") is first  # answered 304
    service.add("job_1", states["partial"])
    assert api.curve("job_1") == states["partial"]


def test_refusals_come_in_the_services_words(service: "FakeService") -> None:
    with pytest.raises(ApiError, match="There is no job 'job_none'"):
        Api(service.url).job("job_none")


def test_an_absent_service_is_named(service: "FakeService") -> None:
    url = service.url
    service.close()
    with pytest.raises(ApiError, match=f"{url} does not answer"):
        Api(url).jobs()


def test_the_environment_names_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "http://127.0.0.1:1234")
    assert Api.from_environment().url == "http://127.0.0.1:1234"
    monkeypatch.delenv(VARIABLE)
    assert Api.from_environment().url == DEFAULT_URL
