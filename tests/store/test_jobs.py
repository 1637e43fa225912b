"""Jobs: their states, their lease, what can be asked of them."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from sparseift.errors import InvalidValue
from sparseift.records import JobSpec, Plan
from store import attempts, clock, events, jobs, listing, verbs
from store.errors import Fenced, IdempotencyConflict, NotFound, StateConflict
from store.sessions import Database
from store.tables import Job
from tests.store.samples import PLAN, RESULT, SPEC, TTL_S, WIDE_POINT, claimed, running, started, waiting


def kinds(session: Session, job_id: str) -> list[str]:
    """The job's events so far."""
    return [event.kind for event in events.after(session, job_id, 0, 1000)]


def put(session: Session, job: Job, state: str) -> None:
    """Put a job into a state without going there."""
    session.execute(update(Job).where(Job.id == job.id).values(state=state))


def test_a_job_is_stored_as_it_was_asked(database: Database) -> None:
    with database.write() as session:
        job, created = jobs.create(session, SPEC, PLAN)
        before = clock.now_s(session)
    with database.read() as session:
        stored = jobs.get(session, job.id)
        assert JobSpec.from_json(stored.spec) == SPEC
        assert Plan.from_json(stored.plan) == PLAN
        assert kinds(session, job.id) == ["job.queued"]
    assert created
    assert (stored.name, stored.state, stored.wanted, stored.lease_token) == ("digits", "queued", None, None)
    assert before - 10 < stored.created_at_s <= before


def test_the_same_key_gives_the_same_job(database: Database) -> None:
    with database.write() as session:
        first, _ = jobs.create(session, SPEC, PLAN, "key")
    with database.write() as session:
        again, created = jobs.create(session, SPEC, PLAN, "key")
        assert (again.id, created) == (first.id, False)
        assert kinds(session, first.id) == ["job.queued"]
    with database.write() as session, pytest.raises(IdempotencyConflict, match=r"'key'.*something else"):
        jobs.create(session, replace(SPEC, seed=8), PLAN, "key")
    with database.write() as session:
        assert jobs.create(session, SPEC, PLAN, "other key")[1]
        assert jobs.create(session, SPEC, PLAN)[1]
        assert jobs.create(session, SPEC, PLAN)[1]


def test_an_unknown_job_is_named(database: Database) -> None:
    with database.read() as session, pytest.raises(NotFound, match="job_x"):
        jobs.get(session, "job_x")


def test_pages_go_from_the_newest_to_the_oldest(database: Database) -> None:
    with database.write() as session:
        ids = [jobs.create(session, replace(SPEC, name=f"{i}"), PLAN)[0].id for i in range(5)]
        put(session, jobs.get(session, ids[1]), "failed")
        newest_first = ids[::-1]
        assert [job.id for job in listing.page(session, limit=2)] == newest_first[:2]
        assert [job.id for job in listing.page(session, seen=(newest_first[1],), limit=2)] == newest_first[2:4]
        assert [job.id for job in listing.page(session, seen=(newest_first[3],), limit=2)] == newest_first[4:]
        assert listing.page(session, seen=(newest_first[4],), limit=2) == []
        assert [job.id for job in listing.page(session, listing.Wanted(states=["failed"]), limit=9)] == [ids[1]]


def test_the_oldest_job_that_nobody_drives_is_claimed(database: Database) -> None:
    with database.write() as session:
        old, _ = jobs.create(session, SPEC, PLAN)
        new, _ = jobs.create(session, SPEC, PLAN)
        first = jobs.claim(session, "w", TTL_S)
        second = jobs.claim(session, "v", TTL_S)
        assert first is not None
        assert second is not None
        assert (first.id, second.id) == (old.id, new.id)
        assert jobs.claim(session, "u", TTL_S) is None
        assert (first.state, first.lease_owner) == ("running", "w")
        assert first.lease_expires_at_s == pytest.approx(clock.now_s(session) + TTL_S, abs=5)
        assert first.lease_token != second.lease_token
        assert kinds(session, old.id) == ["job.queued", "job.running"]


@pytest.mark.parametrize(
    ("state", "is_claimed"),
    [("queued", True), ("running", True), ("stopping", True), ("paused", False)]
    + [(state, False) for state in jobs.TERMINAL],
)
def test_which_states_are_claimed_and_keep_theirs(database: Database, state: str, is_claimed: bool) -> None:
    with database.write() as session:
        job, _ = jobs.create(session, SPEC, PLAN)
        put(session, job, state)
        found = jobs.claim(session, "w", TTL_S)
        assert (found is not None) == is_claimed
        if found is not None:
            assert found.state == ("running" if state == "queued" else state)
            assert kinds(session, job.id)[-1] == ("job.running" if state == "queued" else "job.claimed")


def test_a_lease_that_ran_out_passes_to_another_worker(database: Database) -> None:
    with database.write() as session:
        job, token = claimed(session)
        assert jobs.claim(session, "v", TTL_S) is None
        jobs.renew(session, job.id, token, -1.0)
    with database.write() as session:
        taken = jobs.claim(session, "v", TTL_S)
        assert taken is not None
        assert (taken.id, taken.lease_owner) == (job.id, "v")
        assert taken.lease_token != token
    for late in late_writes(job.id, token):
        with database.write() as session, pytest.raises(Fenced, match=job.id):
            late(session)
    with database.read() as session:
        assert jobs.get(session, job.id).lease_token == taken.lease_token
        assert kinds(session, job.id) == ["job.queued", "job.running", "job.claimed"]


def late_writes(job_id: str, token: str) -> list[Callable[[Session], object]]:
    """Everything that a worker writes about a job, with a token."""
    return [
        lambda session: jobs.renew(session, job_id, token, TTL_S),
        lambda session: jobs.release(session, job_id, token),
        lambda session: jobs.finish(session, job_id, token, "failed", "", ""),
    ]


def test_an_owner_whose_lease_ran_out_keeps_it_while_nobody_else_wants_it(database: Database) -> None:
    with database.write() as session:
        job, token = claimed(session, ttl_s=-1.0)
        renewed = jobs.renew(session, job.id, token, TTL_S)
        assert (renewed.lease_expires_at_s or 0.0) > clock.now_s(session)
        assert jobs.claim(session, "v", TTL_S) is None


def test_a_released_job_is_claimed_at_once(database: Database) -> None:
    with database.write() as session:
        job, token = claimed(session)
        jobs.release(session, job.id, token)
        assert jobs.get(session, job.id).lease_token is None
        taken = jobs.claim(session, "v", TTL_S)
        assert taken is not None
        assert taken.id == job.id
        assert kinds(session, job.id) == ["job.queued", "job.running", "job.released", "job.claimed"]


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_a_job_ends(database: Database, state: str) -> None:
    with database.write() as session:
        job, _, attempt = running(session)
        attempts.finish(session, attempt.id, attempt.token, RESULT)
        jobs.finish(session, job.id, job.lease_token or "", state, "budget", "All trials are done.")
        ended = jobs.get(session, job.id)
        assert (ended.state, ended.reason, ended.message) == (state, "budget", "All trials are done.")
        assert ended.ended_at_s is not None
        assert (ended.lease_owner, ended.lease_token, ended.lease_expires_at_s) == (None, None, None)
        last = events.after(session, job.id, 0, 100)[-1]
        assert last.kind == f"job.{state}"
        assert last.payload == {"state": state, "reason": "budget", "message": "All trials are done."}


def test_a_job_does_not_succeed_before_its_trials_have_ended(database: Database) -> None:
    with database.write() as session:
        job, token = claimed(session)
        trial = waiting(session, job)
        with pytest.raises(StateConflict, match="1 of its trials still wait") as caught:
            jobs.finish(session, job.id, token, "succeeded", "", "")
        assert caught.value.state == "running"
        started(session, job, trial)
        for state in jobs.TERMINAL:
            with pytest.raises(StateConflict, match="1 of its trials still run"):
                jobs.finish(session, job.id, token, state, "", "")
        assert jobs.get(session, job.id).state == "running"


def test_a_job_that_fails_cancels_its_waiting_trials(database: Database) -> None:
    with database.write() as session:
        job, token = claimed(session)
        waiting(session, job, 0)
        waiting(session, job, 1, state="infeasible")
        jobs.finish(session, job.id, token, "failed", "user", "Too many trials failed.")
        assert jobs.counts(session, job.id) == {"cancelled": 1, "infeasible": 1}
        assert kinds(session, job.id)[-2:] == ["trial.cancelled", "job.failed"]


def test_only_what_was_asked_to_cancel_ends_as_cancelled(database: Database) -> None:
    with database.write() as session:
        job, token = claimed(session)
        with pytest.raises(StateConflict, match="nobody asked"):
            jobs.finish(session, job.id, token, "cancelled", "", "")
        with pytest.raises(InvalidValue, match="cannot end as 'paused'"):
            jobs.finish(session, job.id, token, "paused", "", "")
        verbs.cancel(session, job.id)
        with pytest.raises(StateConflict, match="asked to cancel") as caught:
            jobs.finish(session, job.id, token, "succeeded", "", "")
        assert caught.value.state == "stopping"
        jobs.finish(session, job.id, token, "cancelled", "cancelled", "As asked.")
        assert jobs.get(session, job.id).state == "cancelled"


def test_a_stopping_job_starts_nothing(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        trial = waiting(session, job)
        verbs.cancel(session, job.id)
        with pytest.raises(StateConflict, match="stopping and takes no new trials"):
            waiting(session, job, 1)
        with pytest.raises(StateConflict, match="stopping and starts no new attempts"):
            started(session, job, trial)


def test_counts_are_per_state(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        assert jobs.counts(session, job.id) == {}
        started(session, job, waiting(session, job, 0))
        waiting(session, job, 1)
        waiting(session, job, 2)
        infeasible = replace(WIDE_POINT, feasible=False)
        waiting(session, job, 3, state="infeasible", point=infeasible, reason="infeasible", message="No width.")
        assert jobs.counts(session, job.id) == {"running": 1, "waiting": 2, "infeasible": 1}


def test_an_error_undoes_the_whole_transaction(database: Database) -> None:
    def cancel_then_write_late(job_id: str) -> None:
        with database.write() as session:
            verbs.cancel(session, job_id)
            jobs.release(session, job_id, "stale")

    with database.write() as session:
        job, _ = claimed(session)
    with pytest.raises(Fenced):
        cancel_then_write_late(job.id)
    with database.read() as session:
        assert jobs.get(session, job.id).state == "running"
        assert kinds(session, job.id) == ["job.queued", "job.running"]
