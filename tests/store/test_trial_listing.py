"""Lists of trials: every filter and order, and pages that are the whole list once, while trials are added."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from store import trial_listing
from store.sessions import Database
from store.tables import Job, Trial
from store.trial_listing import ORDERS, Wanted
from tests.store.samples import claimed, waiting

VALUES = [3.0, None, 1.0, None, 2.0]  # of trials 0 … 4
INSIDE = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_orders_and_filters(database: Database) -> None:
    with database.write() as session:
        job, _ = claimed(session)
        for number, value in enumerate(VALUES):
            kind = "confirm" if number > 2 else "search"
            trial = waiting(session, job, number, kind=kind)
            changes = {"value": value, "ended_at_s": value and 10.0 - value, "sparsity": number / 10.0}
            session.execute(update(Trial).where(Trial.id == trial.id).values(**changes))
        session.execute(update(Trial).where(Trial.number == 4).values(state="complete", family="sparse_doped"))
        session.execute(update(Trial).where(Trial.number.in_((1, 3))).values(configuration_key="other"))

    def numbers(wanted: Wanted = Wanted(), sort: str = "number") -> list[int]:
        with database.read() as session:
            return [t.number for t in trial_listing.page(session, job.id, wanted, sort=sort, limit=9)]

    assert numbers() == [0, 1, 2, 3, 4]
    assert numbers(sort="-number") == [4, 3, 2, 1, 0]
    assert numbers(sort="value") == [2, 4, 0, 1, 3]
    assert numbers(sort="-value") == [0, 4, 2, 1, 3]
    assert numbers(sort="ended") == [0, 4, 2, 1, 3]
    assert numbers(Wanted(states=["complete"])) == numbers(Wanted(family="sparse_doped")) == [4]
    assert numbers(Wanted(kinds=["confirm"])) == [3, 4]
    assert numbers(Wanted(kinds=["confirm", "search"], states=["waiting"])) == [0, 1, 2, 3]
    assert numbers(Wanted(min_sparsity=0.1, max_sparsity=0.3)) == [1, 2, 3]
    assert numbers(Wanted(configuration="other")) == [1, 3]
    assert numbers(Wanted(configuration="other", kinds=["confirm"])) == [3]
    assert numbers(Wanted(configuration="none")) == []
    with database.read() as session:
        assert trial_listing.page(session, "job_0", limit=9) == []


@pytest.mark.parametrize("sort", list(ORDERS))
@INSIDE
@given(data=st.data())
def test_pages_are_complete_and_disjoint_while_trials_are_added(
    database: Database, sort: str, data: st.DataObject
) -> None:
    """Whatever was there when paging began is seen exactly once, in the list's order; nothing is seen twice."""
    with database.write() as session:
        session.execute(delete(Job))
        job, _ = claimed(session)
    count = 0

    def add() -> None:
        nonlocal count
        values = data.draw(st.sampled_from([None, 0.0, -1.5, 0.1, 1e300]))
        with database.write() as session:
            trial = waiting(session, job, count)
            session.execute(update(Trial).where(Trial.id == trial.id).values(value=values, ended_at_s=values))
        count += 1

    for _ in range(data.draw(st.integers(0, 6))):
        add()
    with database.read() as session:
        expected = [t.number for t in trial_listing.page(session, job.id, sort=sort, limit=99)]
    seen: list[int] = []
    place = None
    for _ in range(20):
        with database.read() as session:
            limit = data.draw(st.integers(1, 3))
            rows = trial_listing.page(session, job.id, sort=sort, seen=place, limit=limit)
        if not rows:
            break
        seen += [t.number for t in rows]
        place = trial_listing.place(rows[-1], sort)
        if data.draw(st.booleans()) and count < 12:
            add()
    assert len(seen) == len(set(seen))
    assert [number for number in seen if number in set(expected)] == expected
