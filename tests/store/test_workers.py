"""Workers that tell of themselves, and the slots that are known through them and through what runs."""

import pytest
from sqlalchemy import update

from store import attempts, jobs, slots, workers
from store.errors import NotFound
from store.sessions import Database
from store.tables import Worker
from tests.store.samples import claimed, running, started, waiting

ROW = {"host": "here", "process": "7@boot/1", "engine": "local", "versions": {"torch": "2"}, "lease_ttl_s": 60.0}


def test_a_worker_is_alive_for_a_lease_after_it_told(database: Database) -> None:
    with database.write() as session:
        for name in ("a", "b", "c"):
            workers.tell(session, name, slot_names=["here/cpu:0"], **ROW)  # type: ignore[arg-type]
        workers.leave(session, "b")
        session.execute(update(Worker).where(Worker.name == "c").values(seen_at_s=Worker.seen_at_s - 61.0))
    with database.read() as session:
        found = workers.page(session, limit=9)
        assert [(w.row.name, w.alive, w.row.stopped_at_s is not None) for w in found] == [
            ("a", True, False),
            ("b", False, True),
            ("c", False, False),
        ]
        assert workers.counts(session) == {"alive": 1, "stopped": 1, "lost": 1}
        assert [w.row.name for w in workers.page(session, after="a", limit=1)] == ["b"]
        began = found[2].row.started_at_s
    with database.write() as session:
        workers.tell(session, "c", slot_names=["here/cpu:1"], **ROW)  # type: ignore[arg-type]
        again = workers.page(session, after="b", limit=9)[0]
        assert (again.alive, again.row.slots, again.row.started_at_s) == (True, ["here/cpu:1"], began)


def test_long_silent_ones_are_forgotten(database: Database) -> None:
    with database.write() as session:
        for name, ago_s in (("old", workers.FORGOTTEN_AFTER_S + 1.0), ("new", 60.0)):
            workers.tell(session, name, slot_names=[], **ROW)  # type: ignore[arg-type]
            session.execute(update(Worker).where(Worker.name == name).values(seen_at_s=Worker.seen_at_s - ago_s))
        workers.forget_old(session)
        assert [w.row.name for w in workers.page(session, limit=9)] == ["new"]


def test_what_a_worker_drives_and_what_runs_on_its_slots(database: Database) -> None:
    with database.write() as session:
        workers.tell(session, "w", slot_names=["here/cpu:0", "here/cpu:1"], **ROW)  # type: ignore[arg-type]
        job, trial, attempt = running(session)
        (found,) = workers.page(session, limit=9)
        assert (found.job_id, found.project) == (job.id, "default")
        (busy,) = workers.busy(session, ["w"])
        assert (busy.slot, busy.job_id, busy.trial, busy.attempt) == ("here/cpu:0", job.id, trial.number, 1)
        assert workers.busy(session, ["other"]) == []
        assert [(a.id, p) for a, p in workers.running_on(session, "here")] == [(attempt.id, "7@boot/1")]
        assert workers.running_on(session, "her") == workers.running_on(session, "h_re") == []
        assert [(s.slot, s.worker, s.busy is not None) for s in workers.all_slots(session)] == [
            ("here/cpu:0", "w", True),
            ("here/cpu:1", "w", False),
        ]
        attempts.lose(session, attempt.id, "Killed.")
        jobs.release(session, job.id, job.lease_token or "")
        (found,) = workers.page(session, limit=9)
        assert (found.job_id, workers.busy(session)) == (None, [])
        assert workers.running_on(session, "here") == []


def test_a_slot_is_let_out_of_quarantine_until_it_loses_as_much_again(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)

        def lose(first: int) -> None:
            for number in range(first, first + 3):
                attempts.lose(session, started(session, job, waiting(session, job, number)).id, "Broken.")

        lose(0)
        (bad,) = slots.quarantined(session)
        assert (bad.losses, bad.message) == (3, "Broken.")
        assert bad.until_s == pytest.approx(bad.since_s + 60.0)
        (state,) = workers.all_slots(session)
        assert (state.slot, state.worker, state.quarantine) == ("here/cpu:0", None, bad)
        for _ in range(2):
            slots.release(session, "here/cpu:0")
        assert slots.quarantined(session) == []
        session.execute(  # the clock of SQLite counts in milliseconds: what follows is surely later
            update(slots.SlotRelease).values(released_at_s=slots.SlotRelease.released_at_s - 0.001)
        )
        lose(3)
        (again,) = slots.quarantined(session)
        assert again.losses in (3, 4, 5, 6)
    with pytest.raises(NotFound, match="no slot 'nowhere/cpu:9'"), database.write() as session:
        slots.release(session, "nowhere/cpu:9")
