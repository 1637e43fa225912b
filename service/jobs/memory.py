"""What was read of jobs with thousands of trials, kept until their next event: most jobs of a list have ended."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from service.jobs.progress import TERMINAL, Outline, outline
from sparseift.records import Plan
from store import attempts, listing, overview, slots, spending
from store.spending import Spent
from store.tables import Job, Report

Value = TypeVar("Value")

KEPT = 2_000  # jobs
KEPT_LIVE = 200  # jobs that go on
MOMENT_S = 2.0  # for which the facts of a job that goes on are kept


class JobMemory(Generic[Value]):
    """Values by job: every change of a job or of its trials writes an event in the same transaction.

    Args:
        compute: (session, job ids) -> the value of each; it depends on the jobs' rows alone, not on the time.
    """

    def __init__(self, compute: Callable[[Session, Sequence[str]], dict[str, Value]]) -> None:
        self._compute = compute
        self._kept: OrderedDict[str, tuple[int, Value]] = OrderedDict()
        self._books = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, session: Session, job_ids: Sequence[str]) -> dict[str, Value]:
        """The values in the session's snapshot. The session must only read: what it sees is committed."""
        last = overview.last_events(session, job_ids)
        with self._books:
            known = {job_id: self._kept[job_id] for job_id in job_ids if job_id in self._kept}
        found = {job_id: value for job_id, (event, value) in known.items() if event == last.get(job_id, 0)}
        missing = [job_id for job_id in job_ids if job_id not in found]
        if missing:
            found |= self._compute(session, missing)
        with self._books:
            for job_id in job_ids:
                self._kept[job_id] = (last.get(job_id, 0), found[job_id])
                self._kept.move_to_end(job_id)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found


@dataclass(frozen=True, slots=True)
class Facts:
    """What is shown of a job beside its curve.

    Attributes:
        latest: the last report of each running trial by its number.
        spent: of its budget.
        seconds: that its last complete trials took.
        slots: on so many its attempts have run.
    """

    latest: Mapping[int, Report]
    spent: Spent
    seconds: Sequence[float]
    slots: int


def facts_of(session: Session, job_ids: Sequence[str]) -> dict[str, Facts]:
    """The facts of each job, read from the rows of all of its trials."""
    return {
        job_id: Facts(
            attempts.latest_reports(session, job_id),
            spending.spent(session, job_id),
            overview.recent_seconds(session, job_id),
            slots.count_of(session, job_id),
        )
        for job_id in job_ids
    }


class FactMemory:
    """Facts of jobs: of those that have ended they are kept, since nothing of them depends on the time any more; of
    others for a moment, so that many who watch a job read its rows as often as one.

    Args:
        clock_s: monotonic seconds.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._ended = JobMemory(facts_of)
        self._clock_s = clock_s
        self._live: OrderedDict[str, tuple[float, int, Facts]] = OrderedDict()  # read at, the last event then
        self._books = Lock()

    def get(self, session: Session, job: Job) -> Facts:
        """The facts in the session's snapshot, which must be one that only reads; of a job that goes on, at most
        `MOMENT_S` older: as of its last event while it is small, and reading it anew takes no time.
        """
        if job.state in TERMINAL:
            return self._ended.get(session, [job.id])[job.id]
        last, now_s = overview.last_event(session, job.id), self._clock_s()
        with self._books:
            at_s, event, found = self._live.get(job.id, (-MOMENT_S, -1, None))
        if found is not None and now_s - at_s < MOMENT_S and (event == last or len(found.seconds) >= overview.RECENT):
            return found
        found = facts_of(session, [job.id])[job.id]
        with self._books:
            self._live[job.id] = (now_s, last, found)
            self._live.move_to_end(job.id)
            while len(self._live) > KEPT_LIVE:
                self._live.popitem(last=False)
        return found


class OutlineMemory:
    """Outlines of plans, which are never changed: a list shows little of a plan, and reading it takes long."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Outline] = OrderedDict()
        self._books = Lock()

    def get(self, session: Session, job_ids: Sequence[str]) -> dict[str, Outline]:
        """The outlines of these jobs' plans."""
        with self._books:
            found = {job_id: self._kept[job_id] for job_id in job_ids if job_id in self._kept}
        missing = [job_id for job_id in job_ids if job_id not in found]
        if missing:
            found |= {job_id: outline(Plan.from_json(plan)) for job_id, plan in listing.plans(session, missing).items()}
        with self._books:
            for job_id in job_ids:
                self._kept[job_id] = found[job_id]
                self._kept.move_to_end(job_id)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found
