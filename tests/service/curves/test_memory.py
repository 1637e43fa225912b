"""Curves that are kept: whole until the job's next event, the expensive part until its next complete trial."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy.orm import Session

from analysis.curve import Findings
from service.curves.memory import AT_ONCE, CurveMemory, KeptCurve, patience_s
from service.curves.reading import read_findings, tell
from store import attempts, jobs, verbs
from store.sessions import Database
from store.tables import Job
from tests.service import history
from tests.service.fakes import DENSE_POINT


class Counting:
    """`read_findings` that says for which jobs it was called."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __call__(self, session: Session, job: Job, before: Findings | None) -> Findings:
        self.calls.append(job.id)
        return read_findings(session, job, before)


def test_a_curve_is_computed_once_per_complete_trial(database: Database) -> None:
    counting = Counting()
    memory = CurveMemory(counting)
    with database.write() as session:
        job, other = history.half_done(session), history.submitted(session)
    with database.read() as session:
        first, again = memory.get(session, job), memory.get(session, job)
        memory.get(session, other)
    assert again is first
    assert counting.calls == [job.id, other.id]
    with database.write() as session:
        broken = history.begun(session, job, 7, seed=3)
        attempts.fail(session, broken.id, broken.token, "diverged", "The loss is not finite.")
    with database.read() as session:
        counted = memory.get(session, job)
    assert counting.calls == [job.id, other.id], "a failed trial is no result: only the counts are new"
    assert (first.curve.counts["failed"], counted.curve.counts["failed"]) == (1, 2)
    assert counted.digest != first.digest
    assert counted.points is first.points
    with database.write() as session:
        history.completed(session, job, 8, value=95.0, seed=4)
    with database.read() as session:
        changed = memory.get(session, job)
        memory.get(session, other)
    assert counting.calls == [job.id, other.id, job.id]
    assert changed.digest != counted.digest
    assert changed.curve.best[0].point.mean == 93.0  # of 91 and 95


def test_what_is_kept_equals_what_is_computed_whole(database: Database) -> None:
    """A job's life in random order, on each step the kept curve against a computation from all rows."""
    choice, memory = random.Random(1), CurveMemory()
    with database.write() as session:
        job = history.claimed(session)
    verb_steps = {4: verbs.pause, 5: verbs.resume, 15: verbs.stop}
    for step in range(16):
        with database.write() as session:
            if step in verb_steps:
                verb_steps[step](session, job.id)
            elif choice.random() < 0.3:
                broken = history.begun(session, job, step, history.PARALLEL, seed=step)
                attempts.fail(session, broken.id, broken.token, "diverged", "")
            else:
                at = choice.choice((DENSE_POINT, history.WIDE, history.PARALLEL))
                kind = "baseline" if at is DENSE_POINT else choice.choice(("search", "confirm"))
                history.completed(session, job, step, at, kind, choice.gauss(90, 1), seed=choice.randrange(4))
        with database.read() as session:
            now = session.get_one(Job, job.id)
            kept = memory.get(session, now)
            whole = tell(now, read_findings(session, now), jobs.counts(session, now.id))
        assert kept.curve == whole
        assert json.loads(kept.text) == json.loads(json.dumps(whole.to_json()))
        assert list(json.loads(kept.answer)) == [name for name in whole.to_json() if name != "points"]


def test_equal_curves_have_equal_names_in_every_process(database: Database) -> None:
    with database.write() as session:
        job = history.half_done(session)
    with database.read() as session:
        one, two = CurveMemory().get(session, job), CurveMemory().get(session, job)
    assert (one.digest, one.text) == (two.digest, two.text)


def test_many_who_ask_at_once_wait_for_one_computation(database: Database) -> None:
    counting, barrier = Counting(), Barrier(8)
    memory = CurveMemory(counting)
    with database.write() as session:
        job = history.half_done(session)

    def ask() -> str:
        barrier.wait(10)
        with database.read() as session:
            return memory.get(session, job).digest

    with ThreadPoolExecutor(8) as pool:
        answers = {future.result(20) for future in [pool.submit(ask) for _ in range(8)]}
    assert len(answers) == 1
    assert counting.calls == [job.id]


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_of_a_long_job_that_goes_on_what_was_found_is_told_for_a_while(database: Database) -> None:
    counting, clock = Counting(), Clock()
    memory = CurveMemory(counting, patience=lambda _complete: 10.0, clock_s=clock)

    def ask() -> KeptCurve:
        with database.read() as session:
            return memory.get(session, session.get_one(Job, job.id))

    with database.write() as session:
        job = history.half_done(session)
    first = ask()
    assert first.outdated_at_s is None
    with database.write() as session:
        history.completed(session, job, 8, value=95.0, seed=4)
    clock.now_s += 4.0
    told = ask()
    assert len(counting.calls) == 1
    assert told.outdated_at_s == 1000.0
    assert (told.curve.points, told.points) == (first.curve.points, first.points)
    assert told.curve.counts["complete"] == first.curve.counts["complete"] + 1, "counts are those of now"
    assert ask() is told
    clock.now_s += 7.0  # beyond the patience: told once more, and found anew behind it
    assert ask().outdated_at_s == 1000.0
    memory._behind.submit(int).result(30)  # it works one by one
    found = ask()
    assert (len(counting.calls), found.outdated_at_s) == (2, None)
    assert found.curve.best[0].point.mean == 93.0
    with database.write() as session:
        history.completed(session, job, 9, value=95.0, seed=5)
    clock.now_s += 31.0  # nobody asked for long: the first to ask waits for the answer as it is
    assert (ask().outdated_at_s, len(counting.calls)) == (None, 3)
    with database.write() as session:
        history.completed(session, job, 10, value=95.0, seed=6)
        verbs.stop(session, job.id, "stop")
        for attempt in attempts.running(session, job_id=job.id):
            attempts.cancel(session, attempt.id)
        jobs.finish(session, job.id, job.lease_token or "", "failed", "user", "It was ended by a test.")
    clock.now_s += 1.0
    assert (ask().outdated_at_s, len(counting.calls)) == (None, 4), "an ended job is told of as it is"
    memory.close()


def test_small_jobs_are_told_of_as_they_are() -> None:
    assert [patience_s(complete) for complete in (0, AT_ONCE, 10_000)] == [0.0, 0.0, 15.0]


def test_memory_is_bounded_by_points(database: Database) -> None:
    counting = Counting()
    memory = CurveMemory(counting, points=4)
    with database.write() as session:
        found = [history.half_done(session) for _ in range(3)]  # two points each
    with database.read() as session:
        for job in found:
            memory.get(session, job)
        memory.get(session, found[2])
        memory.get(session, found[1])
        assert counting.calls == [job.id for job in found]
        memory.get(session, found[0])
    assert counting.calls[3:] == [found[0].id], "the one asked for least recently went"
