"""How attempts end and what becomes of their trials."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from sparseift.errors import InvalidValue
from store import attempts, events, jobs, trials, verbs
from store.errors import Fenced, NotFound, StateConflict
from store.sessions import Database
from store.tables import Attempt, Job, Trial
from tests.store.samples import RESULT, running, started

End = Callable[[Session, Attempt], None]
ENDS: dict[str, tuple[End, str, str]] = {  # how, the attempt's state then, the trial's state then
    "finish": (lambda s, a: attempts.finish(s, a.id, a.token, RESULT), "finished", "complete"),
    "fail": (lambda s, a: attempts.fail(s, a.id, a.token, "diverged", "Loss is nan."), "failed", "failed"),
    "infeasible": (lambda s, a: attempts.fail(s, a.id, a.token, "infeasible", "No."), "failed", "infeasible"),
    "prune": (lambda s, a: attempts.prune(s, a.id, a.token, "It fell behind."), "finished", "pruned"),
    "lose": (lambda s, a: attempts.lose(s, a.id, "Gone."), "lost", "waiting"),
    "cancel": (lambda s, a: attempts.cancel(s, a.id), "cancelled", "cancelled"),
}


def last_events(session: Session, job: Job, count: int) -> list[str]:
    """The kinds of the job's last events."""
    return [event.kind for event in events.after(session, job.id, 0, 1000)][-count:]


def test_where_each_end_leads(database: Database) -> None:
    for name, (end, attempt_state, trial_state) in ENDS.items():
        with database.write() as session:
            job, _, attempt = running(session)
            end(session, attempt)
            ended = session.get_one(Attempt, attempt.id)
            trial = trials.get(session, job.id, 0)
            assert (ended.state, trial.state) == (attempt_state, trial_state)
            assert ended.ended_at_s is not None
            assert (trial.ended_at_s is None) == (trial_state == "waiting")
            assert last_events(session, job, 1) == ["attempt.lost" if name == "lose" else f"trial.{trial_state}"]
            assert attempts.running(session) == []


def test_an_attempt_ends_once(database: Database) -> None:
    for first, second in product(ENDS, ENDS):
        with database.write() as session:
            job, _, attempt = running(session)
            ENDS[first][0](session, attempt)
            before = trials.get(session, job.id, 0).state
            count = len(events.after(session, job.id, 0, 100))
            with pytest.raises(StateConflict if second in ("lose", "cancel") else Fenced):
                ENDS[second][0](session, attempt)
            assert trials.get(session, job.id, 0).state == before
            assert len(events.after(session, job.id, 0, 100)) == count


def test_a_finished_trial_holds_what_was_counted(database: Database) -> None:
    with database.write() as session:
        job, _, attempt = running(session)
        attempts.finish(session, attempt.id, attempt.token, RESULT)
    with database.read() as session:
        trial = trials.get(session, job.id, 0)
        payload = events.after(session, job.id, 0, 100)[-1].payload
    assert (trial.value, trial.test_value, trial.flop_ratio, trial.sparsity) == (91.5, 90.25, 0.9999, 0.5013)
    assert (trial.forward_flops_per_sample, trial.executed_flops_per_sample) == (19_998, 39_999)
    assert (trial.parameters, trial.nonzero_parameters) == (20_001, 10_001)
    assert (trial.training_flops, trial.training_seconds) == (1.9e8, 12.5)
    assert payload["result"]["value"] == 91.5
    assert payload["trial"] == 0


def test_a_result_is_finite(database: Database) -> None:
    with database.write() as session:
        job, _, attempt = running(session)
        for field, number in product(("value", "test_value", "training_flops"), (float("nan"), float("inf"))):
            with pytest.raises(InvalidValue, match=field):
                attempts.finish(session, attempt.id, attempt.token, replace(RESULT, **{field: number}))
        assert trials.get(session, job.id, 0).state == "running"


def test_a_failure_says_its_class(database: Database) -> None:
    for failure_class in attempts.FAILURE_CLASSES:
        with database.write() as session:
            job, _, attempt = running(session)
            attempts.fail(session, attempt.id, attempt.token, failure_class, "It went wrong.")
            trial = trials.get(session, job.id, 0)
            assert trial.state == ("infeasible" if failure_class == "infeasible" else "failed")
            assert (trial.reason, trial.message) == (failure_class, "It went wrong.")
            ended = session.get_one(Attempt, attempt.id)
            assert (ended.failure_class, ended.message) == (failure_class, "It went wrong.")


def test_other_failure_classes_are_refused(database: Database) -> None:
    with database.write() as session:
        _, _, attempt = running(session)
        for failure_class in ("infrastructure", "bad luck"):
            with pytest.raises(InvalidValue, match=f"'{failure_class}'.*diverged"):
                attempts.fail(session, attempt.id, attempt.token, failure_class, "")


def test_an_unknown_attempt_is_named(database: Database) -> None:
    with database.write() as session:
        for end in (attempts.lose, lambda s, a, _: attempts.cancel(s, a)):
            with pytest.raises(NotFound, match="no attempt 999"):
                end(session, 999, "")


def test_a_lost_trial_is_tried_again_until_five_losses_in_a_row(database: Database) -> None:
    with database.write() as session:
        job, trial, attempt = running(session)
        for number in range(1, attempts.MAX_LOSSES):
            assert attempt.number == number
            attempts.lose(session, attempt.id, "Gone.")
            assert trials.get(session, job.id, 0).state == "waiting"
            attempt = started(session, job, trial)
        attempts.lose(session, attempt.id, "Gone.")
        failed = trials.get(session, job.id, 0)
        assert (failed.state, failed.reason) == ("failed", "infrastructure")
        assert "5 attempts in a row" in failed.message
        assert last_events(session, job, 2) == ["attempt.lost", "trial.failed"]


def test_progress_and_handing_back_do_not_count_as_losses(database: Database) -> None:
    with database.write() as session:
        job, trial, attempt = running(session)
        for number in range(1, 3 * attempts.MAX_LOSSES):
            if number % 3 == 0:
                attempts.saved_checkpoint(session, attempt.id, attempt.token, number, f"{number}")
            (attempts.lose if number % 2 == 0 else attempts.hand_back)(session, attempt.id, "Gone.")
            assert trials.get(session, job.id, 0).state == "waiting"
            attempt = started(session, job, trial)


def test_losing_an_attempt_of_a_stopping_job_cancels_its_trial(database: Database) -> None:
    with database.write() as session:
        job, _, attempt = running(session)
        verbs.cancel(session, job.id)
        attempts.lose(session, attempt.id, "Gone.")
        assert jobs.counts(session, job.id) == {"cancelled": 1}
        assert last_events(session, job, 2) == ["attempt.lost", "trial.cancelled"]
        jobs.finish(session, job.id, job.lease_token or "", "cancelled", "cancelled", "As asked.")


def test_an_attempt_cannot_end_a_trial_that_is_not_running(database: Database) -> None:
    with database.write() as session:
        job, trial, attempt = running(session)
        for state in set(trials.STATES) - {"running"}:
            session.execute(update(Trial).where(Trial.id == trial.id).values(state=state))
            for end, _, _ in ENDS.values():
                with pytest.raises(StateConflict, match=state), session.begin_nested():
                    end(session, attempt)
            assert trials.get(session, job.id, 0).state == state
            assert [a.state for a in attempts.running(session)] == ["running"]
