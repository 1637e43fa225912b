"""What is kept of jobs between their events."""

from collections.abc import Sequence

import pytest
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session

from service.jobs import memory as kept
from service.jobs.memory import FactMemory, JobMemory, OutlineMemory, facts_of
from service.jobs.progress import Outline
from store import attempts, listing, overview
from store.sessions import Database
from tests.service import history


def test_counts_are_read_again_after_an_event_alone(database: Database) -> None:
    read: list[list[str]] = []

    def counts(session: Session, job_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        read.append(list(job_ids))
        return overview.counts_of(session, job_ids)

    memory = JobMemory(counts)
    with database.write() as session:
        one, two = history.half_done(session), history.over(session)
    ids = [one.id, two.id]
    with database.read() as session:
        assert memory.get(session, ids) == memory.get(session, ids) == overview.counts_of(session, ids)
        assert memory.get(session, []) == {}
    assert read == [ids]
    with database.write() as session:
        attempt = history.begun(session, one, 7, seed=9)
    with database.read() as session:
        assert memory.get(session, ids) == overview.counts_of(session, ids)
    with database.write() as session:
        attempts.fail(session, attempt.id, attempt.token, "diverged", "")
    with database.read() as session:
        assert memory.get(session, ids) == overview.counts_of(session, ids)
    assert read == [ids, [one.id], [one.id]]


def test_facts_of_ended_jobs_are_kept_and_those_of_others_for_a_moment(database: Database) -> None:
    now_s = 0.0
    memory = FactMemory(lambda: now_s)
    with database.write() as session:
        live, over = history.half_done(session), history.over(session)
    with database.read() as session:
        over = session.get_one(type(over), over.id)
        first = memory.get(session, over)
        assert first == facts_of(session, [over.id])[over.id]
        running = memory.get(session, live)
        assert memory.get(session, live) is running
        assert list(running.latest) == [6]
        assert (first.slots, running.slots) == (1, 1)
    now_s += kept.MOMENT_S
    with database.read() as session:
        assert memory.get(session, over) is first
        later = memory.get(session, live)
        assert later is not running
    with database.write() as session:
        history.begun(session, live, 7, seed=9)  # tells of itself in an event
    with database.read() as session:
        assert sorted(memory.get(session, live).latest) == [6, 7]


def test_outlines_are_read_once(database: Database) -> None:
    memory = OutlineMemory()
    with database.write() as session:
        ids = [history.submitted(session).id for _ in range(2)]
    with database.read() as session:
        found = memory.get(session, ids)
        assert found[ids[0]] == Outline(frozenset({"sparse_wide", "sparse_parallel"}), 1)
        assert memory.get(session, ids[:1])[ids[0]] is found[ids[0]]
        assert memory.get(session, []) == {}
        (listed, _) = listing.page(session, limit=2)
        with pytest.raises(InvalidRequestError):
            _ = listed.plan  # a list does not read it


def test_memory_of_jobs_is_bounded(database: Database) -> None:
    with database.read() as session:
        memory = JobMemory(lambda _, ids: dict.fromkeys(ids, 1))
        names = [f"job_{i}" for i in range(kept.KEPT + 5)]
        for first in range(0, len(names), 500):
            memory.get(session, names[first : first + 500])
        assert len(memory) == kept.KEPT
