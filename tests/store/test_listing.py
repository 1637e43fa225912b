"""Lists of jobs: every filter, every order, and pages that are the whole list once, while jobs are added."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from sparseift.records import Named
from store import archive, jobs, labels, listing, verbs
from store.listing import ORDERS, Wanted
from store.sessions import Database
from store.tables import Job
from tests.store.samples import PLAN, SPEC


def test_each_filter_holds_alone_and_all_hold_together(database: Database) -> None:
    others = {
        "name": {"name": "Wide 100%_try"},
        "model": {"model": Named("resnet")},
        "dataset": {"dataset": Named("cifar10")},
        "family": {"families": ("sparse_wide", "sparse_doped")},
    }
    with database.write() as session:
        plain = jobs.create(session, SPEC, PLAN, labelled={"team": "a", "stage": "1"})[0].id
        made = {what: jobs.create(session, replace(SPEC, **change), PLAN)[0].id for what, change in others.items()}
        foreign = jobs.create(session, SPEC, PLAN, project="theirs", labelled={"team": "a"})[0].id
        verbs.cancel(session, made["model"])
        archive.archive(session, made["model"])

    def found(wanted: Wanted) -> list[str]:
        with database.read() as session:
            return [job.id for job in listing.page(session, wanted, sort="oldest", limit=99)]

    shown = [plain, made["name"], made["dataset"], made["family"], foreign]
    assert found(Wanted()) == shown
    assert found(Wanted(project="default")) == shown[:-1]
    assert found(Wanted(name="WIDE 100%_")) == [made["name"]]
    assert found(Wanted(name="wide 100__")) == [], "a pattern's signs are letters here"
    assert found(Wanted(model="resnet")) == []
    assert found(Wanted(model="resnet", archived=None)) == [made["model"]]
    assert found(Wanted(archived=True)) == [made["model"]]
    assert found(Wanted(dataset="cifar10")) == [made["dataset"]]
    assert found(Wanted(family="sparse_doped")) == [made["family"]]
    assert found(Wanted(family="sparse")) == [], "a part of a family's name is none"
    assert found(Wanted(states=["cancelled"], archived=None)) == [made["model"]]
    assert found(Wanted(states=["cancelled", "queued"], archived=None, model="mlp")) == shown
    assert found(Wanted(labels=[("team", "a")])) == [plain, foreign]
    assert found(Wanted(labels=[("team", "a"), ("stage", "1")])) == [plain]
    assert found(Wanted(labels=[("team", "a"), ("stage", "2")])) == []
    assert found(Wanted(project="theirs", labels=[("team", "a")], model="mlp", name="digits")) == [foreign]


def test_the_queue_is_shown_as_workers_claim_it(database: Database) -> None:
    with database.write() as session:
        ids = [jobs.create(session, replace(SPEC, priority=p), PLAN)[0].id for p in (0, 5, -1, 5)]
    with database.read() as session:
        assert [job.id for job in listing.page(session, sort="priority", limit=9)] == [ids[1], ids[3], ids[0], ids[2]]
    claimed = []
    for _ in ids:
        with database.write() as session:
            job = jobs.claim(session, "w", 60.0)
            assert job is not None
            claimed.append(job.id)
    assert claimed == [ids[1], ids[3], ids[0], ids[2]]


def test_the_last_change_comes_first(database: Database) -> None:
    with database.write() as session:
        ids = [jobs.create(session, SPEC, PLAN)[0].id for _ in range(3)]
    with database.write() as session:
        labels.change(session, ids[1], name="again")
    with database.read() as session:
        assert listing.page(session, sort="updated", limit=9)[0].id == ids[1]


@pytest.mark.parametrize("sort", list(ORDERS))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_pages_are_complete_and_disjoint_while_jobs_are_added(
    database: Database, sort: str, data: st.DataObject
) -> None:
    """Whatever was there when paging began is seen exactly once, in the list's order; nothing is seen twice."""
    with database.write() as session:
        session.execute(delete(Job))

    def add() -> str:
        priority = data.draw(st.integers(-1, 1))
        with database.write() as session:
            job_id = jobs.create(session, replace(SPEC, priority=priority), PLAN)[0].id
            ties = {"updated_at_s": float(data.draw(st.integers(0, 2)))}
            session.execute(update(Job).where(Job.id == job_id).values(**ties))
        return job_id

    first = [add() for _ in range(data.draw(st.integers(0, 6)))]
    with database.read() as session:
        expected = [job.id for job in listing.page(session, sort=sort, limit=99)]
    seen: list[str] = []
    place = None
    for _ in range(20):
        with database.read() as session:
            rows = listing.page(session, sort=sort, seen=place, limit=data.draw(st.integers(1, 3)))
        if not rows:
            break
        seen += [job.id for job in rows]
        place = listing.place(rows[-1], sort)
        if data.draw(st.booleans()) and len(seen) < 12:
            add()
    assert len(seen) == len(set(seen))
    assert [job_id for job_id in seen if job_id in set(first)] == expected
