"""Curves that are kept until the job's next event."""

from sqlalchemy.orm import Session

from analysis.curve import Curve
from service.curves.memory import CurveMemory
from service.curves.reading import read_curve
from store.sessions import Database
from store.tables import Job
from tests.service import history


def test_a_curve_is_computed_once_per_event(database: Database) -> None:
    computed: list[str] = []

    def compute(session: Session, job: Job) -> Curve:
        computed.append(job.id)
        return read_curve(session, job)

    memory = CurveMemory(compute)
    with database.write() as session:
        job, other = history.half_done(session), history.submitted(session)
    with database.read() as session:
        first, again = memory.get(session, job), memory.get(session, job)
        memory.get(session, other)
    assert again is first
    assert computed == [job.id, other.id]
    with database.write() as session:
        history.completed(session, job, 7, value=95.0, seed=3)
    with database.read() as session:
        changed = memory.get(session, job)
        memory.get(session, other)
    assert computed == [job.id, other.id, job.id]
    assert changed.digest != first.digest
    assert changed.curve.best[0].point.mean == 93.0  # of 91 and 95
