from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from analysis.curve import Curve
from analysis.notebooks import curves
from analysis.notebooks.api import DEFAULT_URL, VARIABLE, Api, ApiError
from store import events
from store.sessions import Database
from store.tables import Trial

if TYPE_CHECKING:
    from conftest import FakeService, Served


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


def test_viewers_share_an_answer_only_by_asking_with_their_own_token(
    service: "FakeService", states: dict[str, Curve]
) -> None:
    service.add("job_1", states["dense"])
    first = Api(service.url, "first").curve("job_1")
    second = Api(service.url, "second").curve("job_1")
    assert second is first  # the service said to this token too that it holds
    assert service.authorizations[-2:] == ["Bearer first", "Bearer second"]
    service.refused.add("Bearer third")
    with pytest.raises(ApiError, match="not for this token"):
        Api(service.url, "third").curve("job_1")


def test_trials_are_read_once_and_later_what_has_changed(real: "Served") -> None:
    api, other = Api(real.url), Api(real.url)
    job = api.job(real.jobs["finished"])
    rows = api.table(job)
    assert [t["number"] for t in rows] == list(range(72))
    assert {"method", "delta_t_steps", "value", "ended_at_s"} <= set(rows[10])
    assert other.table(job) is rows
    assert api.timeline(job.id) is other.timeline(job.id)
    assert {a["state"] for a in api.timeline(job.id)} >= {"finished", "lost"}
    with database_of(real).write() as session:
        number = 10
        session.execute(update(Trial).where(Trial.job_id == job.id, Trial.number == number).values(value=12.0))
        events.append(session, job.id, "trial.complete", {"trial": number})
    changed = api.table(job)
    assert changed[10]["value"] == 12.0
    assert changed[11] is rows[11]
    assert rows[10]["value"] != 12.0  # who holds the list of before goes on with it
    with database_of(real).write() as session:
        session.execute(
            update(Trial).where(Trial.job_id == job.id, Trial.number == number).values(value=rows[10]["value"])
        )
        events.append(session, job.id, "trial.complete", {"trial": number})


def database_of(real: "Served") -> Database:
    return Database(real.settings.database_url)


def test_a_large_curve_is_read_thinned_and_whole_for_its_files(real: "Served") -> None:
    api, job = Api(real.url), real.jobs["finished"]
    thin, whole = api.curve(job), api.curve(job, whole=True)
    assert curves.total(thin) == curves.total(whole) == len(whole.points)
    assert curves.thinned_note(whole) == ""
    assert thin == whole  # 43 points are few
    few = replace(thin, points=thin.points[:3])
    assert "Of 43 configurations 3 are shown" in curves.thinned_note(few).replace(f"{curves.total(few)}", "43")
    assert curves.heading(few).startswith("3 of ")
    assert curves.parquet(whole)[:4] == b"PAR1"


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
