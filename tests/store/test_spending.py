"""What a job has used up of its budget."""

import pytest
from sqlalchemy import update

from store import attempts, clock, jobs, quotas, spending
from store.sessions import Database
from store.tables import Attempt, Job
from tests.store.samples import RESULT, TTL_S, claimed, progress, started, waiting


def test_hours_are_of_slots_and_a_dead_attempt_counts_until_its_lease_ran_out(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        assert spending.spent(session, job.id).device_hours == 0.0
        finished, lost, runs = (started(session, job, waiting(session, job, n)) for n in range(3))
        attempts.finish(session, finished.id, finished.token, RESULT)
        attempts.lose(session, lost.id, "Gone.")
        at_s = clock.now_s(session)
        for attempt, began, ended, lease in (
            (finished, 7200, 3600, 9000),  # one hour
            (lost, 7200, 0, 5400),  # half an hour, found an hour and a half later
            (runs, 1800, None, -60),  # half an hour so far
        ):
            session.execute(
                update(Attempt)
                .where(Attempt.id == attempt.id)
                .values(
                    started_at_s=at_s - began,
                    ended_at_s=None if ended is None else at_s - ended,
                    lease_expires_at_s=at_s - lease,
                )
            )
        assert spending.spent(session, job.id).device_hours == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize(("share", "hours"), [(None, 4.0), (0.25, 1.0), (2, 8.0), (1.0, 4.0)])
def test_hours_are_of_devices(database: Database, share: float | None, hours: float) -> None:
    """Four attempts of an hour each: side by side on one GPU, on two GPUs each, or on a slot that is a device."""
    with database.write() as session:
        job, _ = claimed(session)
        assert spending.mean_share(session, job.id) == 1.0
        for number in range(4):
            attempt = started(session, job, waiting(session, job, number))
            if share is not None:
                attempts.add_environment(session, attempt.id, attempt.token, {"device_share": share})
            attempts.finish(session, attempt.id, attempt.token, RESULT)
        session.execute(update(Attempt).values(started_at_s=Attempt.ended_at_s - 3600.0))
        assert spending.spent(session, job.id).device_hours == pytest.approx(hours)
        assert spending.mean_share(session, job.id) == (share or 1.0)
        assert quotas.usage(session, "project", "default").device_hours == pytest.approx(hours, abs=1e-3)


def test_flops_are_of_trials_and_what_was_done_twice_counts_once(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        trial = waiting(session, job, 0)
        for step in (30, 20):  # the second attempt repeats, and has not come as far yet
            attempt = started(session, job, trial)
            attempts.write_reports(session, attempt.id, attempt.token, [progress(step)])
            if step == 30:
                attempts.lose(session, attempt.id, "Gone.")
        whole = started(session, job, waiting(session, job, 1))
        attempts.write_reports(session, whole.id, whole.token, [progress(99)])
        attempts.finish(session, whole.id, whole.token, RESULT)
        assert spending.spent(session, job.id).training_flops == 30e6 + 1.9e8


def test_wall_time_runs_while_the_job_does(database: Database) -> None:
    with database.write() as session:
        job, token = claimed(session)
        session.execute(update(Job).where(Job.id == job.id).values(active_since_s=clock.now_s(session) - 50.0))
        assert spending.spent(session, job.id).wall_time_s == pytest.approx(50.0, abs=5.0)
        jobs.renew(session, job.id, token, TTL_S)
        jobs.finish(session, job.id, token, "failed", "user", "No.")
        session.execute(update(Job).where(Job.id == job.id).values(ended_at_s=0.0))
        assert spending.spent(session, job.id).wall_time_s == pytest.approx(50.0, abs=5.0)
