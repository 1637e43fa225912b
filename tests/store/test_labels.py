"""Labels and names of jobs."""

import pytest

from sparseift.errors import InvalidValue
from store import events, jobs, labels
from store.errors import IdempotencyConflict, NotFound
from store.sessions import Database
from tests.store.samples import PLAN, SPEC


def test_labels_are_merged_and_told_of(database: Database) -> None:
    with database.write() as session:
        job_id = jobs.create(session, SPEC, PLAN, labelled={"a": "1", "b": "2"})[0].id
        other = jobs.create(session, SPEC, PLAN)[0].id
        labels.change(session, job_id, labels={"a": None, "c": "", "x": None})
        labels.change(session, job_id, name="renamed")
        labels.change(session, job_id, name="renamed", labels={"b": "2"})  # holds already: nothing is told
    with database.read() as session:
        assert labels.of(session, [job_id, other]) == {job_id: {"b": "2", "c": ""}, other: {}}
        told = [e.payload for e in events.after(session, job_id, 0, 99) if e.kind == "job.changed"]
        assert told == [
            {"state": "queued", "name": "digits", "labels": {"b": "2", "c": ""}},
            {"state": "queued", "name": "renamed", "labels": {"b": "2", "c": ""}},
        ]
        assert jobs.get(session, job_id).name == "renamed"
        assert jobs.get(session, job_id).spec["name"] == "digits", "what was asked stays"


def test_labels_are_bounded_and_jobs_must_be_there(database: Database) -> None:
    many = {f"k{i}": "v" for i in range(labels.MOST)}
    with database.write() as session:
        job_id = jobs.create(session, SPEC, PLAN, labelled=many)[0].id
    with pytest.raises(InvalidValue, match="cannot have 33 labels; it may have 32"), database.write() as session:
        labels.change(session, job_id, labels={"one": "more"})
    with database.write() as session:
        labels.change(session, job_id, labels={"one": "more", "k0": None})
    with pytest.raises(NotFound), database.write() as session:
        labels.change(session, "job_0", name="x")


def test_labels_are_part_of_what_a_key_stands_for(database: Database) -> None:
    with database.write() as session:
        first, _ = jobs.create(session, SPEC, PLAN, "key", labelled={"a": "1"})
        assert jobs.create(session, SPEC, PLAN, "key", labelled={"a": "1"}) == (first, False)
        with pytest.raises(IdempotencyConflict):
            jobs.create(session, SPEC, PLAN, "key", labelled={"a": "2"})
