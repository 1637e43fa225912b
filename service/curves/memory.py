"""Curves that were computed already: polling a job must not compute its statistics each time.

Two things are kept of a job. Its curve, until its next event: every change of a trial writes one in the same
transaction. And what its complete trials say, the expensive part, until another one completes: a complete trial is
never changed, so their number tells them all. The events between change the counts and the sentence on top alone.

Of a job of very many trials that goes on, even that takes long, and trials complete all the time. What was found is
then good for a while, in which one more result changes little (`patience_s`); for another while it is still told, and
found anew behind it. A job that has ended is always told of as it is. How old the answer is, it says.
"""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from threading import Lock
from typing import TYPE_CHECKING

from pydantic_core import to_json
from sqlalchemy.orm import Session

from service.curves.reading import read_findings, tell
from service.jobs.progress import TERMINAL
from store import jobs, overview
from store.tables import Job

if TYPE_CHECKING:
    from analysis.curve import Curve, Findings

KEPT = 64  # curves
KEPT_POINTS = 50_000  # of all curves together, 3 kB each; the newest curve is kept whatever its size
TURNS = 16  # jobs that are computed at once, at most
AT_ONCE = 500  # complete trials up to which everything is told as it is: finding it takes a tenth of a second
PATIENCE_S = (
    1.5e-3  # per complete trial, of which each costs some .16 ms: a job that is watched takes a tenth of a core
)
STILL_TOLD = 3.0  # times the patience: who asks first after longer waits for the answer as it is

log = logging.getLogger("service.curves")

Compute = Callable[[Session, Job, "Findings | None"], "Findings"]


@dataclass(frozen=True, slots=True)
class KeptCurve:
    """A curve, its JSON in two parts and the digest that names its content.

    Attributes:
        answer: a JSON object of everything but the points; points: a JSON array.
        outdated_at_s: when what it rests on was found, if there are results that it leaves out; monotonic seconds.
    """

    curve: "Curve"
    answer: bytes
    points: bytes
    digest: str
    outdated_at_s: float | None = None

    def age_s(self) -> float:
        """Seconds since it was true; 0 for one that leaves nothing out."""
        return 0.0 if self.outdated_at_s is None else max(0.0, time.monotonic() - self.outdated_at_s)

    @property
    def text(self) -> bytes:
        """The curve's JSON."""
        return self.with_points(self.points)

    def with_points(self, points: bytes) -> bytes:
        """The curve's JSON with these points, a JSON array, in place of its own."""
        return self.answer[:-1] + b',"points":' + points + b"}"


@dataclass(frozen=True, slots=True)
class _Found:
    """What so many complete trials say; its points as JSON, and their digest."""

    complete: int
    findings: "Findings"
    points: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class _Kept:
    last_event: int
    found: _Found
    found_at_s: float  # when it was found, or last known to leave nothing out
    curve: KeptCurve


def patience_s(complete: int) -> float:
    """For how long the findings from so many trials are good while a job goes on (seconds)."""
    return 0.0 if complete <= AT_ONCE else PATIENCE_S * complete


class CurveMemory:
    """Curves by job.

    Args:
        compute: how the expensive part is read where it is not kept; its third argument is what was found before.
        points: of all kept curves together.
        patience: complete trials -> for how long what they say is good while the job goes on (seconds).
        clock_s: monotonic seconds.
    """

    def __init__(
        self,
        compute: Compute = read_findings,
        points: int = KEPT_POINTS,
        patience: Callable[[int], float] = patience_s,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._compute = compute
        self._points, self._patience = points, patience
        self._clock_s = clock_s
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._books = Lock()
        self._turns = tuple(Lock() for _ in range(TURNS))
        self._behind = ThreadPoolExecutor(1, "curves")
        self._asked: set[str] = set()  # jobs whose findings are found anew behind the answers

    def get(self, session: Session, job: Job) -> KeptCurve:
        """The curve in the session's snapshot or a later one, or while the job goes on one of shortly before. The
        session must only read: what it sees is committed.
        """
        last = overview.last_event(session, job.id)
        found = self._recall(job.id)
        if found is not None and found.last_event >= last and found.curve.outdated_at_s is None:
            return found.curve
        if found is not None and job.state not in TERMINAL:
            age_s = self._clock_s() - found.found_at_s
            patience = self._patience(found.found.complete)
            if age_s < STILL_TOLD * patience:
                if age_s >= patience:
                    self._renew(session, job.id)
                return found.curve if found.last_event >= last else self._retold(session, job, last, found)
        return self._fresh(session, job, last)

    def close(self) -> None:
        """Let go of what is found behind the answers."""
        self._behind.shutdown(cancel_futures=True)

    def _fresh(self, session: Session, job: Job, last: int) -> KeptCurve:
        with self._turns[hash(job.id) % TURNS]:  # many poll one job: one of them computes, the others wait for it
            found = self._recall(job.id)
            if found is not None and found.last_event >= last and found.curve.outdated_at_s is None:
                return found.curve
            made = self._make(session, job, last, found)
            self._keep(job.id, made)
        return made.curve

    def _retold(self, session: Session, job: Job, last: int, before: _Kept) -> KeptCurve:
        """The curve of earlier findings with the counts of now."""
        counts = jobs.counts(session, job.id)
        is_whole = before.found.complete == counts.get("complete", 0)
        made = self._told(job, last, counts, before.found, None if is_whole else before.found_at_s)
        with self._books:
            if self._kept.get(job.id) is before:  # else it was found anew meanwhile
                self._kept[job.id] = made
        return made.curve

    def _renew(self, session: Session, job_id: str) -> None:
        """Find it anew behind the answers, once for all who ask."""
        with self._books:
            if job_id in self._asked:
                return
            self._asked.add(job_id)
        bind = session.get_bind()  # of reading sessions

        def find() -> None:
            try:
                with Session(bind, expire_on_commit=False) as reading:
                    self._fresh(reading, jobs.get(reading, job_id), overview.last_event(reading, job_id))
            except Exception as error:  # the job was deleted, the database is away: who asks next is told so
                log.warning("a curve could not be renewed: %s", error)
            finally:
                with self._books:
                    self._asked.discard(job_id)

        self._behind.submit(find)

    def _make(self, session: Session, job: Job, last: int, before: _Kept | None) -> _Kept:
        counts = jobs.counts(session, job.id)
        complete = counts.get("complete", 0)
        if before is not None and before.found.complete == complete:
            return self._told(job, last, counts, before.found, None)
        findings = self._compute(session, job, before.found.findings if before else None)
        points = to_json(findings.points)
        found = _Found(complete, findings, points, hashlib.sha256(points).digest())
        return self._told(job, last, counts, found, None)

    def _told(self, job: Job, last: int, counts: dict[str, int], found: _Found, outdated_at_s: float | None) -> _Kept:
        curve = tell(job, found.findings, counts)
        answer = to_json({f.name: getattr(curve, f.name) for f in fields(curve) if f.name != "points"})
        digest = hashlib.sha256(answer + found.digest).hexdigest()[:32]
        at_s = self._clock_s() if outdated_at_s is None else outdated_at_s
        return _Kept(last, found, at_s, KeptCurve(curve, answer, found.points, digest, outdated_at_s))

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
            points = sum(len(kept.found.findings.points) for kept in self._kept.values())
            while len(self._kept) > 1 and (len(self._kept) > KEPT or points > self._points):
                points -= len(self._kept.popitem(last=False)[1].found.findings.points)
