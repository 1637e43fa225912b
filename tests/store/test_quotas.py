"""Quotas: active jobs and device-hours, of projects and of tokens, also when two come at once."""

from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Thread

import pytest
from sqlalchemy import func, select, update

from sparseift.errors import InvalidValue
from store import jobs, quotas, verbs
from store.errors import QuotaExceeded
from store.sessions import Database
from store.tables import Attempt, Job
from tests.store.samples import PLAN, SPEC, claimed, started, waiting


def test_active_jobs_of_a_project(database: Database) -> None:
    with database.write() as session:
        quotas.put(session, "project", "vision", 2, None)
        first, _ = jobs.create(session, SPEC, PLAN, "k", project="vision")
        jobs.create(session, SPEC, PLAN, project="vision")
    with database.write() as session:
        jobs.create(session, SPEC, PLAN, project="text")  # another's quota is none of its business
        again, is_new = jobs.create(session, SPEC, PLAN, "k", project="vision")
        assert (again.id, is_new) == (first.id, False)
    words = "may have 2 jobs that have not ended, and has 2 already"
    with pytest.raises(QuotaExceeded, match=words) as refusal, database.write() as session:
        jobs.create(session, SPEC, PLAN, project="vision")
    told = refusal.value
    assert (told.kind, told.subject, told.quota, told.used, told.limit) == ("project", "vision", "active_jobs", 2, 2)
    with database.write() as session:
        assert session.scalars(select(func.count()).select_from(Job)).one() == 3  # rolled back
        verbs.cancel(session, first.id)
        jobs.create(session, SPEC, PLAN, project="vision")
        assert quotas.usage(session, "project", "vision") == quotas.Usage(2, 0.0)


def test_active_jobs_of_a_token(database: Database) -> None:
    with database.write() as session:
        quotas.put(session, "token", "tok_1", 1, None)
        jobs.create(session, SPEC, PLAN, owner="tok_1")
        jobs.create(session, SPEC, PLAN, owner="tok_2")
        jobs.create(session, SPEC, PLAN)
    with database.write() as session, pytest.raises(QuotaExceeded, match="Token 'tok_1' may have 1"):
        jobs.create(session, SPEC, PLAN, owner="tok_1", project="elsewhere")


def test_an_ended_job_that_goes_on_is_held_against_the_quota(database: Database) -> None:
    with database.write() as session:
        job, token = claimed(session)
        jobs.finish(session, job.id, token, "succeeded", "done", "Done.")
        quotas.put(session, "project", "default", 1, None)
        jobs.create(session, SPEC, PLAN)
    with pytest.raises(QuotaExceeded, match="has 1 already"), database.write() as session:
        verbs.extend(session, job.id, {"search_trials": 40})
    with database.write() as session:
        quotas.put(session, "project", "default", 2, None)
        verbs.extend(session, job.id, {"search_trials": 40})
        quotas.put(session, "project", "default", 1, None)
        verbs.extend(session, job.id, {"search_trials": 50})  # has not ended: nothing begins


def test_device_hours_of_the_last_thirty_days(database: Database) -> None:
    """Three attempts: 2 h today; 4 h that ended 31 days ago; 6 h of which 1 h lies in the window."""
    day, hour = 86_400.0, 3_600.0
    with database.write() as session:
        job, _ = claimed(session, replace(SPEC, in_flight=3))
        ended = [started(session, job, waiting(session, job, number)) for number in range(3)]
        at_s = ended[0].started_at_s
        spans = [(at_s - 2 * hour, at_s), (at_s - 31 * day, at_s - 31 * day + 4 * hour)]
        spans.append((at_s - 30 * day - 5 * hour, at_s - 30 * day + hour))
        for attempt, (begun, end) in zip(ended, spans, strict=True):
            values = {"started_at_s": begun, "ended_at_s": end, "state": "finished"}
            session.execute(update(Attempt).where(Attempt.id == attempt.id).values(**values))
        assert quotas.usage(session, "project", "default").device_hours == pytest.approx(3.0, abs=0.01)
        assert quotas.usage(session, "project", "other").device_hours == 0.0
        assert quotas.usage(session, "token", "tok_1").device_hours == 0.0
        quotas.put(session, "project", "default", None, 3.5)
        jobs.create(session, SPEC, PLAN)
        quotas.put(session, "project", "default", None, 2.5)
    words = r"may use 2\.5 device-hours in 30 days, and has used 3"
    with pytest.raises(QuotaExceeded, match=words), database.write() as session:
        jobs.create(session, SPEC, PLAN)


def test_of_many_at_once_no_more_than_the_quota_get_in(database: Database) -> None:
    with database.write() as session:
        quotas.put(session, "project", "default", 3, None)
    barrier, made = Barrier(8), []

    def submit() -> None:
        barrier.wait()
        try:
            with database.write() as session:
                jobs.create(session, SPEC, PLAN)
            made.append(1)
        except QuotaExceeded:
            made.append(0)

    together([submit] * 8)
    assert sorted(made) == [0] * 5 + [1] * 3


def together(tasks: list[Callable[[], None]]) -> None:
    threads = [Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_setting_and_taking_away(database: Database) -> None:
    with database.write() as session:
        for subject in ("b", "a"):
            quotas.put(session, "project", subject, 5, 1.5)
        quotas.put(session, "token", "tok_1", 5, None)
        quotas.put(session, "project", "a", 6, None)  # in place of the old one
        first = quotas.page(session, after=None, limit=2)
        second = quotas.page(session, after=("project", "b"), limit=2)
        found = [(q.kind, q.subject, q.active_jobs, q.device_hours) for q in (*first, *second)]
        assert found == [("project", "a", 6, None), ("project", "b", 5, 1.5), ("token", "tok_1", 5, None)]
        quotas.put(session, "project", "a", None, None)
        assert [q.subject for q in quotas.page(session, after=None, limit=9)] == ["b", "tok_1"]
        assert quotas.get(session, "project", "a").active_jobs is None
        with pytest.raises(InvalidValue, match="active_jobs cannot be -1"):
            quotas.put(session, "project", "a", -1, None)
        with pytest.raises(InvalidValue, match="device_hours cannot be nan"):
            quotas.put(session, "project", "a", None, float("nan"))
        with pytest.raises(InvalidValue, match="There are no quotas of a 'user'"):
            quotas.put(session, "user", "a", 1, None)


def test_of_two_who_set_it_at_once_the_later_one_holds(database: Database) -> None:
    """Also where there was none yet: the second waits for the first one's commit and comes after it."""

    def put(limit: int) -> None:
        with database.write() as session:
            quotas.put(session, "project", "a", limit, None)

    second = Thread(target=lambda: put(2))
    with database.write() as session:
        quotas.put(session, "project", "a", 1, None)
        second.start()
        second.join(0.5)  # it has come as far as it can
    second.join()
    with database.read() as session:
        assert quotas.get(session, "project", "a").active_jobs == 2


def test_a_key_means_nothing_in_another_project(database: Database) -> None:
    with database.write() as session:
        mine, made = jobs.create(session, SPEC, PLAN, "key", project="a")
        theirs, made_too = jobs.create(session, replace(SPEC, seed=8), PLAN, "key", project="b")
        assert made
        assert made_too
        assert mine.id != theirs.id
        assert jobs.create(session, SPEC, PLAN, "key", project="a")[0].id == mine.id


def submitted(database: Database, *projects: str, owner: str = "") -> list[str]:
    with database.write() as session:
        return [jobs.create(session, SPEC, PLAN, project=project, owner=owner)[0].id for project in projects]


def claims(database: Database, times: int) -> list[str | None]:
    found = []
    for number in range(times):
        with database.write() as session:
            job = jobs.claim(session, f"w{number}", 60.0)
            found.append(job.id if job else None)
    return found


def test_jobs_over_the_limit_of_running_ones_wait_and_others_pass_them(database: Database) -> None:
    a, b, c, d = submitted(database, "vision", "vision", "vision", "text")
    with database.write() as session:
        quotas.put(session, "project", "vision", None, None, 2)
    assert claims(database, 4) == [a, b, d, None]
    with database.write() as session:
        assert quotas.usage(session, "project", "vision").running_jobs == 2
        job = jobs.get(session, c)
        hold = quotas.holding(session, job.state, job.project, job.owner)
        assert hold is not None
        assert (hold.kind, hold.subject, hold.quota) == ("project", "vision", "running_jobs")
        assert "may have 2 of its jobs run at once, and has" in hold.message
        verbs.pause(session, a)
        jobs.disown(session, a)  # as its worker does
    assert claims(database, 2) == [c, None]
    with database.write() as session:
        verbs.resume(session, a)  # it had begun, and must wait all the same
    assert claims(database, 1) == [None]
    with database.write() as session:
        verbs.cancel(session, b)  # its worker lets it go; to be ended it may always be claimed
        jobs.disown(session, b)
    assert claims(database, 3) == [a, b, None]


def test_a_tokens_running_jobs_and_a_limit_of_none(database: Database) -> None:
    mine, others = submitted(database, "p", owner="tok_1"), submitted(database, "p")
    with database.write() as session:
        quotas.put(session, "token", "tok_1", None, None, 0)
    assert claims(database, 2) == [others[0], None]
    with database.write() as session:
        quotas.put(session, "token", "tok_1", None, None, None)
    assert claims(database, 2) == [mine[0], None]


def test_a_job_whose_worker_died_does_not_count_and_is_taken_again(database: Database) -> None:
    a, b = submitted(database, "p", "p")
    with database.write() as session:
        quotas.put(session, "project", "p", None, None, 1)
    assert claims(database, 2) == [a, None]
    with database.write() as session:
        session.execute(update(Job).where(Job.id == a).values(lease_expires_at_s=1.0))
    assert claims(database, 2) == [a, None]
    with database.read() as session:
        assert jobs.get(session, b).state == "queued"


def test_what_has_not_begun_waits_for_device_hours(database: Database) -> None:
    with database.write() as session:
        running, token = claimed(session)
        attempt = started(session, running, waiting(session, running, 0))
        begun = {"started_at_s": attempt.started_at_s - 7200.0}
        session.execute(update(Attempt).where(Attempt.id == attempt.id).values(**begun))
    (queued,) = submitted(database, "default")
    with database.write() as session:
        quotas.put(session, "project", "default", None, 1.5)
    assert claims(database, 1) == [None]
    with database.write() as session:
        hold = quotas.holding(session, "queued", "default", "")
        assert hold is not None
        assert (hold.quota, "has used 2" in hold.message) == ("device_hours", True)
        jobs.release(session, running.id, token)
    assert claims(database, 2) == [running.id, None], "what runs goes on"
    with database.write() as session:
        quotas.put(session, "project", "default", None, 2.5)
    assert claims(database, 1) == [queued]


def test_of_workers_that_claim_at_once_no_more_than_the_limit_get_a_job(database: Database) -> None:
    submitted(database, *["p"] * 8)
    with database.write() as session:
        quotas.put(session, "project", "p", None, None, 3)
    barrier, got = Barrier(8), []

    def claim() -> None:
        barrier.wait()
        with database.write() as session:
            got.append(jobs.claim(session, "w", 60.0) is not None)

    together([claim] * 8)
    assert sum(got) <= 3
    claims(database, 8)  # one that lost a race against another's lock may have come away with nothing
    with database.read() as session:
        assert quotas.usage(session, "project", "p").running_jobs == 3
