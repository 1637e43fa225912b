"""Events: a log that can be read on from any place."""

from store import events, jobs
from store.sessions import Database
from tests.store.samples import PLAN, SPEC


def test_a_log_is_read_on_after_the_last_id(database: Database) -> None:
    with database.write() as session:
        job, _ = jobs.create(session, SPEC, PLAN)
        other, _ = jobs.create(session, SPEC, PLAN)
        for number in range(4):
            events.append(session, job.id, "trial.test", {"number": number, "text": "ß"})
            events.append(session, other.id, "trial.other", {})
    with database.read() as session:
        first = events.after(session, job.id, 0, 3)
        rest = events.after(session, job.id, first[-1].id, 100)
        assert [e.kind for e in first] == ["job.queued", "trial.test", "trial.test"]
        assert [e.payload for e in rest] == [{"number": 2, "text": "ß"}, {"number": 3, "text": "ß"}]
        assert events.after(session, job.id, rest[-1].id, 100) == []
        assert jobs.get(session, job.id).updated_at_s >= rest[-1].at_s - 0.1
        ids = [e.id for e in first + rest]
        assert ids == sorted(set(ids))
