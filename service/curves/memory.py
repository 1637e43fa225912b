"""Curves that were computed already: polling a job must not compute its statistics each time (40 ms of CPU for 57
trials, some 200 ms for 800). A curve is kept until the job's next event.
"""

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from service.curves.reading import read_curve
from sparseift.records import digest
from store import overview
from store.tables import Job

if TYPE_CHECKING:
    from analysis.curve import Curve

KEPT = 64  # curves


@dataclass(frozen=True, slots=True)
class KeptCurve:
    """A curve, its JSON and the digest that names its content."""

    curve: "Curve"
    text: bytes
    digest: str


class CurveMemory:
    """Curves by job and last event: every change of a trial writes an event in the same transaction.

    Args:
        compute: how a curve is read where it is not kept.
    """

    def __init__(self, compute: "Callable[[Session, Job], Curve]" = read_curve) -> None:
        self._compute = compute
        self._kept: OrderedDict[str, tuple[int, KeptCurve]] = OrderedDict()
        self._books = Lock()

    def get(self, session: Session, job: Job) -> KeptCurve:
        """The curve in the session's snapshot, which must be one that only reads: what it sees is committed."""
        last = overview.last_event(session, job.id)
        with self._books:
            found = self._kept.get(job.id)
            if found is not None and found[0] == last:
                self._kept.move_to_end(job.id)
                return found[1]
        curve = self._compute(session, job)
        value = curve.to_json()
        kept = KeptCurve(curve, json.dumps(value, ensure_ascii=False, allow_nan=False).encode(), digest(value, 32))
        with self._books:
            self._kept[job.id] = (last, kept)
            self._kept.move_to_end(job.id)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return kept
