"""Curves that were computed already: polling a job must not compute its statistics each time.

Two things are kept of a job. Its curve, until its next event: every change of a trial writes one in the same
transaction. And what its complete trials say, the expensive part, until another one completes: a complete trial is
never changed, so their number tells them all. The events between change the counts and the sentence on top alone.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, fields
from threading import Lock
from typing import TYPE_CHECKING

from pydantic_core import to_json
from sqlalchemy.orm import Session

from service.curves.reading import read_findings, tell
from store import jobs, overview
from store.tables import Job

if TYPE_CHECKING:
    from analysis.curve import Curve, Findings

KEPT = 64  # curves
KEPT_POINTS = 50_000  # of all curves together, 3 kB each; the newest curve is kept whatever its size
TURNS = 16  # jobs that are computed at once, at most

Compute = Callable[[Session, Job, "Findings | None"], "Findings"]


@dataclass(frozen=True, slots=True)
class KeptCurve:
    """A curve, its JSON in two parts and the digest that names its content.

    Attributes:
        answer: a JSON object of everything but the points; points: a JSON array.
    """

    curve: "Curve"
    answer: bytes
    points: bytes
    digest: str

    @property
    def text(self) -> bytes:
        """The curve's JSON."""
        return self.with_points(self.points)

    def with_points(self, points: bytes) -> bytes:
        """The curve's JSON with these points, a JSON array, in place of its own."""
        return self.answer[:-1] + b',"points":' + points + b"}"


@dataclass(frozen=True, slots=True)
class _Kept:
    last_event: int
    complete: int
    findings: "Findings"
    points_digest: bytes
    curve: KeptCurve


class CurveMemory:
    """Curves by job.

    Args:
        compute: how the expensive part is read where it is not kept; its third argument is what was found before.
        points: of all kept curves together.
    """

    def __init__(self, compute: Compute = read_findings, points: int = KEPT_POINTS) -> None:
        self._compute = compute
        self._points = points
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._books = Lock()
        self._turns = tuple(Lock() for _ in range(TURNS))

    def get(self, session: Session, job: Job) -> KeptCurve:
        """The curve in the session's snapshot or a later one. The session must only read: what it sees is committed."""
        last = overview.last_event(session, job.id)
        found = self._recall(job.id)
        if found is not None and found.last_event >= last:
            return found.curve
        with self._turns[hash(job.id) % TURNS]:  # many poll one job: one of them computes, the others wait for it
            found = self._recall(job.id)
            if found is not None and found.last_event >= last:
                return found.curve
            made = self._make(session, job, last, found)
            self._keep(job.id, made)
        return made.curve

    def _make(self, session: Session, job: Job, last: int, before: _Kept | None) -> _Kept:
        counts = jobs.counts(session, job.id)
        complete = counts.get("complete", 0)
        if before is not None and before.complete == complete:
            findings, points, name = before.findings, before.curve.points, before.points_digest
        else:
            findings = self._compute(session, job, before.findings if before else None)
            points = to_json(findings.points)
            name = hashlib.sha256(points).digest()
        curve = tell(job, findings, counts)
        answer = to_json({f.name: getattr(curve, f.name) for f in fields(curve) if f.name != "points"})
        digest = hashlib.sha256(answer + name).hexdigest()[:32]
        return _Kept(last, complete, findings, name, KeptCurve(curve, answer, points, digest))

    def _recall(self, job_id: str) -> _Kept | None:
        with self._books:
            found = self._kept.get(job_id)
            if found is not None:
                self._kept.move_to_end(job_id)
            return found

    def _keep(self, job_id: str, made: _Kept) -> None:
        with self._books:
            self._kept[job_id] = made
            self._kept.move_to_end(job_id)
            points = sum(len(kept.findings.points) for kept in self._kept.values())
            while len(self._kept) > 1 and (len(self._kept) > KEPT or points > self._points):
                points -= len(self._kept.popitem(last=False)[1].findings.points)
