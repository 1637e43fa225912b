"""What is shown of jobs beside their rows."""

from dataclasses import replace

from store import attempts, events, jobs, overview
from store.sessions import Database
from tests.store.samples import PLAN, RESULT, SPEC, claimed, started, waiting


def test_overviews(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        for number, seconds in enumerate((12.0, 14.0)):
            attempt = started(session, job, waiting(session, job, number))
            attempts.finish(session, attempt.id, attempt.token, replace(RESULT, seconds=seconds))
        retried = waiting(session, job, 2)
        first = started(session, job, retried)
        attempts.lose(session, first.id, "It was lost.")
        started(session, job, retried)
        other = jobs.create(session, replace(SPEC, seed=8), PLAN)[0]
    with database.read() as session:
        assert overview.counts_of(session, [job.id, other.id]) == {
            job.id: {"complete": 2, "running": 1},
            other.id: {},
        }
        assert overview.counts_of(session, [job.id])[job.id] == jobs.counts(session, job.id)
        assert overview.counts_of(session, []) == {}
        assert overview.recent_seconds(session, job.id) == [14.0, 12.0]
        assert overview.recent_seconds(session, other.id) == []
        assert [(a.number, a.state) for a in overview.attempts_of(session, retried.id)] == [(1, "lost"), (2, "running")]
        assert overview.last_event(session, job.id) == events.after(session, job.id, 0, 1000)[-1].id
        assert overview.last_event(session, "job_0") == 0
        assert overview.last_events(session, [job.id, other.id, "job_0"]) == {
            found.id: overview.last_event(session, found.id) for found in (job, other)
        }
        assert overview.last_events(session, []) == {}
