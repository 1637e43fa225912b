"""What was read of jobs with thousands of trials, kept until their next event: most jobs of a list have ended."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from service.jobs.progress import TERMINAL
from store import attempts, overview, slots, spending
from store.spending import Spent
from store.tables import Job, Report

Value = TypeVar("Value")

KEPT = 2_000  # jobs


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
    """Facts of jobs: those that have ended are kept, since nothing of them depends on the time any more."""

    def __init__(self) -> None:
        self._ended = JobMemory(facts_of)

    def get(self, session: Session, job: Job) -> Facts:
        """The facts in the session's snapshot, which must be one that only reads."""
        known = self._ended.get(session, [job.id]) if job.state in TERMINAL else facts_of(session, [job.id])
        return known[job.id]
