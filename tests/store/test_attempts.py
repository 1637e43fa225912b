"""Attempts: how they start, renew and are found; and the fence around everything they write."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from store import attempts, clock, events, jobs, trials, verbs
from store.errors import Fenced, NotFound, StateConflict
from store.sessions import Database
from tests.store.samples import RESULT, TTL_S, claimed, progress, running, started, waiting

Write = Callable[[Session, int, str], object]
WRITES: dict[str, Write] = {
    "set_process": lambda session, attempt, token: attempts.set_process(session, attempt, token, "1@2"),
    "renew": lambda session, attempt, token: attempts.renew(session, attempt, token, TTL_S),
    "write_reports": lambda session, attempt, token: attempts.write_reports(session, attempt, token, [progress(9)]),
    "saved_checkpoint": lambda session, attempt, token: attempts.saved_checkpoint(session, attempt, token, 9, "x"),
    "finish": lambda session, attempt, token: attempts.finish(session, attempt, token, RESULT),
    "fail": lambda session, attempt, token: attempts.fail(session, attempt, token, "user", "Bad."),
    "lose": lambda session, attempt, token: attempts.lose(session, attempt, "Gone.", token=token),
    "cancel": lambda session, attempt, token: attempts.cancel(session, attempt, token=token),
}


def everything(session: Session, job_id: str) -> object:
    """All that a write about an attempt could change."""
    found = trials.all_of(session, job_id)
    return (
        [(t.state, t.reason, t.value, t.ended_at_s) for t in found],
        [(a.id, a.state, a.process, a.lease_expires_at_s) for a in attempts.running(session)],
        [[(r.step, r.value) for r in attempts.reports(session, t.id)] for t in found],
        [attempts.newest_checkpoint(session, t.id) for t in found],
        [e.id for e in events.after(session, job_id, 0, 1000)],
    )


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_stale_token_is_refused_and_changes_nothing(database: Database, write: Write) -> None:
    with database.write() as session:
        job, trial, old = running(session)
        attempts.lose(session, old.id, "No sign of life.")
        new = started(session, job, trial)
    with database.read() as session:
        before = everything(session, job.id)
    for attempt_id, token in ((old.id, old.token), (new.id, old.token), (new.id, "")):
        with database.write() as session, pytest.raises(Fenced, match=str(attempt_id)):
            write(session, attempt_id, token)
    with database.read() as session:
        assert everything(session, job.id) == before
    with database.write() as session:
        write(session, new.id, new.token)


def test_an_attempt_starts(database: Database) -> None:
    with database.write() as session:
        job, trial, attempt = running(session)
        assert (attempt.number, attempt.state, attempt.stop, attempt.process) == (1, "running", "", "")
        assert (attempt.worker, attempt.slot, attempt.log_path) == ("w", "here/cpu:0", "logs/1.txt")
        assert attempt.environment == {"torch": "2"}
        assert attempt.lease_expires_at_s == pytest.approx(clock.now_s(session) + TTL_S, abs=5)
        assert trials.get(session, job.id, 0).state == "running"
        last = events.after(session, job.id, 0, 9)[-1]
        assert (last.kind, last.payload["trial"], last.payload["attempt"]) == ("attempt.started", trial.number, 1)


def test_an_attempt_starts_only_on_a_waiting_trial_of_an_owned_running_job(database: Database) -> None:
    with database.write() as session:
        job, trial, _ = running(session)
        with pytest.raises(StateConflict, match="Trial 0 is running") as caught:
            started(session, job, trial)
        assert caught.value.state == "running"
        with pytest.raises(NotFound, match="999"):
            attempts.start(session, 999, job_token="", worker="w", slot="", ttl_s=1, environment={}, log_path="")
        free = waiting(session, job, 1)
        jobs.release(session, job.id, job.lease_token or "")
        with pytest.raises(Fenced, match=job.id):
            attempts.start(session, free.id, job_token="old", worker="w", slot="", ttl_s=1, environment={}, log_path="")
        assert trials.get(session, job.id, 1).state == "waiting"


def test_renewing_moves_the_lease_by_the_database_clock(database: Database) -> None:
    with database.write() as session:
        job, _, attempt = running(session, ttl_s=-1.0)
        assert [a.id for a in attempts.expired(session)] == [attempt.id]
        assert attempts.renew(session, attempt.id, attempt.token, TTL_S) is False
        assert attempts.expired(session) == []
        (fresh,) = attempts.running(session)
        assert fresh.lease_expires_at_s == pytest.approx(clock.now_s(session) + TTL_S, abs=5)
        verbs.cancel(session, job.id)
        assert attempts.renew(session, attempt.id, attempt.token, TTL_S) is True


def test_running_attempts_by_worker_and_by_job(database: Database) -> None:
    with database.write() as session:
        job, _, attempt = running(session)
        other, _, ended = running(session)
        trial = waiting(session, other, 1)
        third = attempts.start(
            session,
            trial.id,
            job_token=other.lease_token or "",
            worker="v",
            slot="",
            ttl_s=TTL_S,
            environment={},
            log_path="",
        )
        attempts.finish(session, ended.id, ended.token, RESULT)
        assert [a.id for a in attempts.running(session)] == [attempt.id, third.id]
        assert [a.id for a in attempts.running(session, worker="v")] == [third.id]
        assert [a.id for a in attempts.running(session, job_id=job.id)] == [attempt.id]
        assert attempts.running(session, worker="v", job_id=job.id) == []


def test_the_process_is_recorded(database: Database) -> None:
    with database.write() as session:
        _, _, attempt = running(session)
        attempts.set_process(session, attempt.id, attempt.token, "4711@12.5")
        assert [a.process for a in attempts.running(session)] == ["4711@12.5"]


def test_an_attempt_outlives_its_jobs_owner(database: Database) -> None:
    with database.write() as session:
        job, trial, attempt = running(session)
        jobs.release(session, job.id, job.lease_token or "")
        attempts.write_reports(session, attempt.id, attempt.token, [progress(1)])
        attempts.finish(session, attempt.id, attempt.token, RESULT)
        assert trials.get(session, job.id, trial.number).state == "complete"


def test_a_claim_does_not_touch_running_attempts(database: Database) -> None:
    with database.write() as session:
        job, token = claimed(session)
        attempt = started(session, job, waiting(session, job))
        jobs.release(session, job.id, token)
        jobs.claim(session, "v", TTL_S)
        assert [a.id for a in attempts.running(session, job_id=job.id)] == [attempt.id]
        assert attempts.renew(session, attempt.id, attempt.token, TTL_S) is False
