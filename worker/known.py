"""A job's trials as the worker that drives it knows them: what has ended does not change, and is read once.

Cancelled ones are the exception: extending the job brings them back (`store.verbs.extend`), so they are read each time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from store import trials
from store.tables import Trial
from worker.claim import row_of
from worker.search import Row


@dataclass(frozen=True, slots=True)
class Known:
    """The trials of a job, by number.

    Attributes:
        messages: what each tells of its end; waiting: those that have not been started.
    """

    rows: list[Row]
    messages: list[str]
    waiting: list[Trial]


class KnownTrials:
    """Reads trials, from the first one on that might have changed since it was read: a job of thousands is long."""

    def __init__(self) -> None:
        self._job_id = ""
        self._rows: list[Row] = []
        self._messages: list[str] = []

    def read(self, session: Session, job_id: str) -> Known:
        """All trials of the job as they are."""
        if job_id != self._job_id:
            self._job_id, self._rows, self._messages = job_id, [], []
        fresh = trials.all_of(session, job_id, len(self._rows))
        rows, messages = [row_of(trial) for trial in fresh], [trial.message for trial in fresh]
        known = Known([*self._rows, *rows], [*self._messages, *messages], [t for t in fresh if t.state == "waiting"])
        ended = _settled(rows)
        self._rows += rows[:ended]
        self._messages += messages[:ended]
        return known


def _settled(rows: Sequence[Row]) -> int:
    """How many, from the first one on, will never change."""
    return next((i for i, row in enumerate(rows) if not row.ended or row.state == "cancelled"), len(rows))
