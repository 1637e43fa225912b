"""Putting ended jobs away: out of the lists, or for ever."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select, update

from store import archive, attempts, events, jobs, labels, verbs
from store.errors import NotFound, StateConflict
from store.sessions import Database
from store.tables import Attempt, Base, Checkpoint, Event, Job, Label, Removal, Report, Trial
from tests.store.samples import PLAN, RESULT, SPEC, progress, running


def over(database: Database) -> str:
    """A job that succeeded, with a row in every table."""
    with database.write() as session:
        job, _, attempt = running(session)
        labels.change(session, job.id, labels={"a": "1"})
        attempts.write_reports(session, attempt.id, attempt.token, [progress(10)])
        attempts.saved_checkpoint(session, attempt.id, attempt.token, 10, f"{job.id}/0/step-10")
        attempts.finish(session, attempt.id, attempt.token, RESULT)
        jobs.finish(session, job.id, job.lease_token or "", "succeeded", "done", "")
        return job.id


def test_only_an_ended_job_is_archived_and_it_comes_back(database: Database) -> None:
    job_id = over(database)
    for verb, holds in ((archive.archive, True), (archive.archive, True), (archive.unarchive, False)):
        with database.write() as session:
            assert (verb(session, job_id).archived_at_s is not None) is holds
    with database.read() as session:
        kinds = [e.kind for e in events.after(session, job_id, 0, 99)]
    assert kinds[-2:] == ["job.archived", "job.unarchived"]
    with database.write() as session:
        open_job = jobs.create(session, SPEC, PLAN)[0].id
    for refused in (archive.archive, archive.unarchive, archive.remove):
        with pytest.raises(StateConflict, match="is queued and cannot be"), database.write() as session:
            refused(session, open_job)
        with pytest.raises(NotFound), database.write() as session:
            refused(session, "job_0")


def test_a_job_that_goes_on_is_in_the_lists_again(database: Database) -> None:
    job_id = over(database)
    with database.write() as session:
        archive.archive(session, job_id)
        assert verbs.extend(session, job_id, {"search_trials": 9}).archived_at_s is None


def test_nothing_is_left_of_a_deleted_job_but_the_wish_to_remove_its_files(database: Database) -> None:
    job_id, kept = over(database), over(database)
    tables: list[type[Base]] = [Job, Trial, Attempt, Report, Checkpoint, Event, Label]
    with database.read() as session:
        before = [session.scalars(select(func.count()).select_from(t)).one() for t in tables]
    with database.write() as session:
        archive.remove(session, job_id)
    with database.read() as session:
        after = [session.scalars(select(func.count()).select_from(t)).one() for t in tables]
        assert after == [count // 2 for count in before]
        assert jobs.get(session, kept).state == "succeeded"
        assert archive.removed(session) == [job_id]
    with pytest.raises(NotFound), database.write() as session:
        archive.remove(session, job_id)
    with database.write() as session:
        archive.forget_removed(session)
        assert archive.removed(session) == [job_id]
        session.execute(update(Removal).values(asked_at_s=Removal.asked_at_s - archive.KEPT_S - 1.0))
        archive.forget_removed(session)
        assert archive.removed(session) == []


def test_what_another_search_still_starts_from_is_not_deleted(database: Database) -> None:
    job_id = over(database)
    with database.write() as session:
        user = jobs.create(session, replace(SPEC, start_from=(job_id,)), PLAN)[0].id
    with pytest.raises(StateConflict, match=f"'{user}' starts from it"), database.write() as session:
        archive.remove(session, job_id)
    with database.write() as session:
        verbs.cancel(session, user)
        archive.remove(session, job_id)
