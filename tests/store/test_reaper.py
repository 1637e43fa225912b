"""The reaper: what the dead hold is let go of, with nobody else alive."""

import pytest

from store import attempts, events, jobs, reaper, trials, verbs
from store.errors import Fenced
from store.sessions import Database
from tests.store.samples import TTL_S, claimed, running, started, waiting


def test_the_living_are_left_alone(database: Database) -> None:
    with database.write() as session:
        job, trial, attempt = running(session)
        waiting(session, job, 1)
        verbs.cancel(session, job.id)
        running(session)
        assert reaper.reap(session) == 0
        assert trials.get(session, job.id, trial.number).state == "running"
        assert len(attempts.running(session)) == 2
        assert attempts.renew(session, attempt.id, attempt.token, TTL_S)


def test_an_expired_attempt_is_lost_and_its_trial_waits(database: Database) -> None:
    with database.write() as session:
        job, trial, dead = running(session, ttl_s=-1.0)
        alive = started(session, job, waiting(session, job, 1))
    with database.write() as session:
        assert reaper.reap(session) == 1
        assert reaper.reap(session) == 0
        assert [a.id for a in attempts.running(session)] == [alive.id]
        assert trials.get(session, job.id, trial.number).state == "waiting"
        last = events.after(session, job.id, 0, 100)[-1]
        assert (last.kind, last.payload["message"]) == ("attempt.lost", "The attempt's lease ran out.")
    with database.write() as session, pytest.raises(Fenced):
        attempts.renew(session, dead.id, dead.token, TTL_S)


def test_an_expired_job_is_free(database: Database) -> None:
    with database.write() as session:
        job, token = claimed(session, ttl_s=-1.0)
        assert reaper.reap(session) == 1
        freed = jobs.get(session, job.id)
        assert (freed.state, freed.lease_owner, freed.lease_token) == ("running", None, None)
        last = events.after(session, job.id, 0, 100)[-1]
        assert (last.kind, last.payload) == ("job.unowned", {"state": "running", "worker": "w"})
        with pytest.raises(Fenced):
            jobs.renew(session, job.id, token, TTL_S)


def test_a_cancelled_job_ends_though_its_worker_is_dead(database: Database) -> None:
    with database.write() as session:
        job, trial, attempt = running(session)
        waiting(session, job, 1)
        verbs.cancel(session, job.id)
        jobs.renew(session, job.id, job.lease_token or "", -1.0)
    with database.write() as session:
        assert reaper.reap(session) == 1  # the lease alone: the attempt still runs
        assert jobs.get(session, job.id).state == "stopping"
        attempts.renew(session, attempt.id, attempt.token, -1.0)
        assert reaper.reap(session) == 2  # the attempt, and then the job
        ended = jobs.get(session, job.id)
        assert (ended.state, ended.wanted, ended.reason) == ("cancelled", None, "cancelled")
        assert jobs.counts(session, job.id) == {"cancelled": 2}
        assert trials.get(session, job.id, trial.number).state == "cancelled"
        assert reaper.reap(session) == 0


def test_a_cancelled_job_ends_after_its_last_attempt_did(database: Database) -> None:
    with database.write() as session:
        job, _, attempt = running(session)
        jobs.release(session, job.id, job.lease_token or "")
        verbs.cancel(session, job.id)
        assert reaper.reap(session) == 0
        attempts.cancel(session, attempt.id, token=attempt.token)
        assert reaper.reap(session) == 1
        assert jobs.get(session, job.id).state == "cancelled"


def test_a_stopping_job_with_a_living_owner_is_left_to_it(database: Database) -> None:
    with database.write() as session:
        job, token = claimed(session)
        verbs.cancel(session, job.id)
        assert reaper.reap(session) == 0
        jobs.finish(session, job.id, token, "cancelled", "cancelled", "As asked.")


def test_a_lost_trial_ends_after_five_expired_leases(database: Database) -> None:
    with database.write() as session:
        job, trial, _ = running(session, ttl_s=-1.0)
        for _ in range(attempts.MAX_LOSSES - 1):
            reaper.reap(session)
            started(session, job, trial, ttl_s=-1.0)
        reaper.reap(session)
        assert jobs.counts(session, job.id) == {"failed": 1}
