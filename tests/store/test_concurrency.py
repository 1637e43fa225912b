"""Many writers at once: one winner, nothing lost, nothing seen twice, no lock error."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import func, select

from store import attempts, events, jobs, listing, migrate, reaper, trial_listing, trials, verbs
from store.errors import Fenced, StateConflict, StoreError
from store.sessions import Database
from store.tables import Attempt, Job, Report, Trial
from tests.store.samples import PLAN, RESULT, SPEC, TTL_S, claimed, progress, running, started, waiting

T = TypeVar("T")
LIMIT_S = 120.0


def at_once(count: int, do: Callable[[int], T]) -> list[T]:
    """What `do(0)` … `do(count − 1)` return when that many threads begin together."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> T:
        barrier.wait(LIMIT_S)
        return do(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count), timeout=LIMIT_S))


@contextmanager
def meanwhile(step: Callable[[], object]) -> Iterator[None]:
    """Repeat `step` in another thread until the block is left; its error is the block's."""
    over = threading.Event()

    def repeat() -> None:
        while not over.is_set():
            step()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(repeat)
        try:
            yield
        finally:
            over.set()
        running.result(LIMIT_S)


def test_fifty_duplicate_submissions_make_one_job(database: Database) -> None:
    def submit(_: int) -> tuple[str, bool]:
        with database.write() as session:
            job, created = jobs.create(session, SPEC, PLAN, "the same key")
            return job.id, created

    answers = at_once(50, submit)
    assert len({job_id for job_id, _ in answers}) == 1
    assert [created for _, created in answers].count(True) == 1
    with database.read() as session:
        assert session.scalars(select(func.count()).select_from(Job)).one() == 1
        assert [e.kind for e in events.after(session, answers[0][0], 0, 99)] == ["job.queued"]


def test_of_workers_that_race_for_a_job_one_gets_it(database: Database) -> None:
    def claim(number: int) -> str | None:
        with database.write() as session:
            job = jobs.claim(session, f"worker {number}", TTL_S)
            return None if job is None else job.id

    with database.write() as session:
        job, _ = jobs.create(session, SPEC, PLAN)
    assert sorted(at_once(8, claim), key=str) == [None] * 7 + [job.id]
    with database.write() as session:
        jobs.renew(session, job.id, jobs.get(session, job.id).lease_token or "", -1.0)
    assert sorted(at_once(8, claim), key=str) == [None] * 7 + [job.id]


def test_many_workers_share_many_jobs(database: Database) -> None:
    def claim_all(number: int) -> list[str]:
        mine = []
        for _ in range(30):
            with database.write() as session:
                job = jobs.claim(session, f"worker {number}", TTL_S)
            if job is not None:
                mine.append(job.id)
        return mine

    with database.write() as session:
        made = [jobs.create(session, SPEC, PLAN)[0].id for _ in range(20)]
    taken = [job_id for mine in at_once(4, claim_all) for job_id in mine]
    assert sorted(taken) == sorted(made)


def test_of_the_ends_that_race_for_an_attempt_one_wins(database: Database) -> None:
    for _ in range(5):
        with database.write() as session:
            job, _, attempt = running(session)

        def end(number: int, attempt: Attempt = attempt) -> str:
            try:
                with database.write() as session:
                    if number % 2:
                        attempts.finish(session, attempt.id, attempt.token, RESULT)
                    else:
                        attempts.lose(session, attempt.id, "Gone.", token=attempt.token)
            except Fenced:
                return "fenced"
            return "complete" if number % 2 else "waiting"

        outcomes = Counter(at_once(4, end))
        assert outcomes["fenced"] == 3
        with database.read() as session:
            assert outcomes[trials.get(session, job.id, 0).state] == 1
            kinds = [e.kind for e in events.after(session, job.id, 0, 99)]
            assert len([kind for kind in kinds if kind != "slot.quarantined"]) == 5  # it is one slot that loses them


def test_sixteen_writers_meet_no_lock(database_url: str, database: Database) -> None:
    with database.write() as session:
        found = [running(session)[2] for _ in range(16)]

    def work(number: int) -> None:
        own, attempt = Database(database_url), found[number]
        for step in range(1, 9):
            with own.write() as session:
                attempts.renew(session, attempt.id, attempt.token, TTL_S)
                attempts.write_reports(session, attempt.id, attempt.token, [progress(step)])
        with own.write() as session:
            attempts.finish(session, attempt.id, attempt.token, RESULT)
        own.close()

    at_once(16, work)
    with database.read() as session:
        assert session.scalars(select(func.count()).select_from(Report)).one() == 16 * 8
        assert session.scalars(select(Trial.state).distinct()).all() == ["complete"]


@pytest.mark.slow
def test_writers_of_four_processes_meet_no_lock_on_sqlite(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sparseift.db'}"
    migrate.upgrade(url)
    database = Database(url)
    with database.write() as session:
        found = [running(session)[2] for _ in range(16)]
    writer, processes = Path(__file__).with_name("writer.py"), []
    for number in range(4):
        own = [f"{attempt.id}:{attempt.token}" for attempt in found[number::4]]
        with (tmp_path / f"{number}.txt").open("w") as log:
            processes.append(subprocess.Popen([sys.executable, str(writer), url, "12", *own], stderr=log))
    for number, process in enumerate(processes):
        assert process.wait(LIMIT_S) == 0, (tmp_path / f"{number}.txt").read_text()
    with database.read() as session:
        assert session.scalars(select(func.count()).select_from(Report)).one() == 16 * 12
        assert session.scalars(select(Trial.state).distinct()).all() == ["complete"]
    database.close()


def test_pages_of_jobs_are_disjoint_and_complete_while_more_arrive(database: Database) -> None:
    def add() -> None:
        with database.write() as session:
            jobs.create(session, replace(SPEC, name="late"), PLAN)

    with database.write() as session:
        early = {jobs.create(session, SPEC, PLAN)[0].id for _ in range(40)}
    with meanwhile(add):
        for _ in range(3):
            seen: list[str] = []
            while True:
                with database.read() as session:
                    page = listing.page(session, seen=(seen[-1],) if seen else None, limit=7)
                if not page:
                    break
                seen += [job.id for job in page]
            assert seen == sorted(set(seen), reverse=True)
            assert early <= set(seen)


def test_pages_of_trials_are_disjoint_and_complete_while_more_arrive(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        for number in range(20):
            waiting(session, job, number)
    numbers = iter(range(20, 100_000))

    def add() -> None:
        with database.write() as session:
            waiting(session, job, next(numbers))

    with meanwhile(add):
        for _ in range(3):
            seen: list[int] = []
            for _ in range(200):
                with database.read() as session:
                    page = trial_listing.page(session, job.id, seen=(seen[-1],) if seen else None, limit=9)
                seen += [trial.number for trial in page]
                if len(page) < 9:
                    break
            assert seen == list(range(len(seen)))
            assert len(seen) >= 20


def test_a_reader_of_events_misses_none_while_many_write(database: Database) -> None:
    with database.write() as session:
        job, _ = jobs.create(session, SPEC, PLAN)
    seen: list[int] = []

    def follow() -> None:
        with database.read() as session:
            seen.extend(event.id for event in events.after(session, job.id, seen[-1] if seen else 0, 5))

    def write(number: int) -> None:
        for count in range(10):
            with database.write() as session:
                events.append(session, job.id, "trial.test", {"number": number})
                events.append(session, job.id, "trial.test", {"count": count})

    with meanwhile(follow):
        at_once(8, write)
    for _ in range(200):
        follow()
    with database.read() as session:
        assert seen == [event.id for event in events.after(session, job.id, 0, 1000)]
    assert len(seen) == 1 + 8 * 10 * 2


def test_workers_a_canceller_and_two_reapers_do_not_deadlock(database: Database) -> None:
    """Leases so short that attempts and jobs change hands all the time; every refusal is one of ours."""
    with database.write() as session:
        made = [jobs.create(session, SPEC, PLAN)[0].id for _ in range(3)]

    def refused_at_times(do: Callable[[], object]) -> None:
        try:
            do()
        except StoreError as error:
            assert isinstance(error, Fenced | StateConflict)

    def work(number: int) -> None:
        for turn in range(12):
            refused_at_times(lambda turn=turn: drive(number, turn))

    def drive(number: int, turn: int) -> None:
        with database.write() as session:
            job = jobs.claim(session, f"worker {number}", 0.05)
        if job is None:
            return
        with database.write() as session:
            known = trials.all_of(session, job.id)
            trial = next((t for t in known if t.state == "waiting"), None)
            attempt = started(session, job, trial or waiting(session, job, len(known)), ttl_s=0.05)
        with database.write() as session:
            attempts.write_reports(session, attempt.id, attempt.token, [progress(1)])
            attempts.renew(session, attempt.id, attempt.token, 0.05)
        if turn % 3:
            with database.write() as session:
                attempts.finish(session, attempt.id, attempt.token, RESULT)
        with database.write() as session:
            jobs.release(session, job.id, job.lease_token or "")

    def disturb(number: int) -> None:
        for turn in range(20):
            with database.write() as session:
                reaper.reap(session)
            if number == 0 and turn % 8 == 7:
                refused_at_times(lambda turn=turn: cancel(made[turn // 8]))

    def cancel(job_id: str) -> None:
        with database.write() as session:
            verbs.cancel(session, job_id)

    at_once(6, lambda number: disturb(number) if number < 2 else work(number))
    with database.write() as session:
        for attempt in attempts.running(session):
            attempts.lose(session, attempt.id, "The test is over.")
        for job_id in made[2:]:
            verbs.cancel(session, job_id)
        for _ in range(2):
            reaper.reap(session)
        owned = [job for job_id in made if (job := jobs.get(session, job_id)).lease_token is not None]
        for job in owned:
            jobs.release(session, job.id, job.lease_token or "")
        reaper.reap(session)
        for job_id in made:
            assert jobs.get(session, job_id).state == "cancelled"
            assert set(jobs.counts(session, job_id)) <= {"complete", "cancelled", "failed"}
            ids = [event.id for event in events.after(session, job_id, 0, 100_000)]
            assert ids == sorted(set(ids))
            kinds = Counter(event.kind for event in events.after(session, job_id, 0, 100_000))
            assert kinds["trial.complete"] == jobs.counts(session, job_id).get("complete", 0)
            assert kinds["trial.cancelled"] == jobs.counts(session, job_id).get("cancelled", 0)
            assert kinds["job.cancelled"] == 1
