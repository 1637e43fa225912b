"""How attempts end, and what becomes of their trials: finished, failed, handed back, lost or cancelled.

Each function is one transaction's worth: the attempt's state is checked in the UPDATE that changes it, the trial
follows, and an event tells of both.
"""

from dataclasses import asdict
from math import isfinite
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select, true, update
from sqlalchemy.orm import Session

from sparseift.errors import InvalidValue
from sparseift.records import TrialResult
from store import events, slots
from store.clock import now
from store.errors import Fenced, StateConflict
from store.rows import lock_job_of_attempt, move_trial
from store.tables import Attempt, Checkpoint, Job, Trial

MAX_LOSSES = 5  # attempts in a row that may be lost without a new checkpoint before the trial fails
FAILURE_CLASSES = ("user", "infeasible", "out_of_memory", "diverged", "timeout")  # `lose` is for infrastructure


def finish(session: Session, attempt_id: int, token: str, result: TrialResult) -> None:
    """The attempt is finished and its trial complete with the result, in one transaction.

    Raises:
        Fenced: the attempt has ended, or the token is not its own.
        InvalidValue: a number is not finite (that is a failure of class "diverged").
    """
    for name, number in asdict(result).items():
        if number is not None and not isfinite(number):
            raise InvalidValue(f"A trial cannot be complete with {name} = {number}; it must be finite.")
    job = lock_job_of_attempt(session, attempt_id)
    attempt = _end(session, attempt_id, "finished", token)
    trial = move_trial(
        session,
        attempt.trial_id,
        "running",
        state="complete",
        value=result.value,
        test_value=result.test_value,
        forward_flops_per_sample=result.forward_flops,
        executed_flops_per_sample=result.executed_flops,
        flop_ratio=result.flop_ratio,
        training_flops=result.training_flops,
        sparsity=result.sparsity,
        parameters=result.parameters,
        nonzero_parameters=result.nonzero_parameters,
        training_seconds=result.seconds,
        ended_at_s=now(),
    )
    _tell(session, job, attempt, trial, "trial.complete", result=asdict(result))


def fail(session: Session, attempt_id: int, token: str, failure_class: str, message: str) -> None:
    """The attempt and its trial failed, for good: the trial is infeasible by that class, failed by any other.

    Raises:
        Fenced: the attempt has ended, or the token is not its own.
        InvalidValue: no such failure class.
    """
    if failure_class not in FAILURE_CLASSES:
        raise InvalidValue(
            f"There is no failure class '{failure_class}' for a trial; the known ones are {', '.join(FAILURE_CLASSES)}."
        )
    job = lock_job_of_attempt(session, attempt_id)
    attempt = _end(session, attempt_id, "failed", token, failure_class, message)
    state = "infeasible" if failure_class == "infeasible" else "failed"
    trial = _end_trial(session, attempt.trial_id, state, failure_class, message)
    _tell(session, job, attempt, trial, f"trial.{state}", message=message)


def prune(session: Session, attempt_id: int, token: str, message: str) -> None:
    """The attempt is finished early, because its trial fell behind: the trial is pruned, and has no value.

    Raises:
        Fenced: the attempt has ended, or the token is not its own.
    """
    job = lock_job_of_attempt(session, attempt_id)
    attempt = _end(session, attempt_id, "finished", token, message=message)
    trial = _end_trial(session, attempt.trial_id, "pruned", "early_stopping", message)
    _tell(session, job, attempt, trial, "trial.pruned", message=message)


def lose(session: Session, attempt_id: int, message: str, *, token: str | None = None) -> None:
    """The infrastructure lost the attempt: its trial waits for another one, which goes on from the last checkpoint.

    After `MAX_LOSSES` attempts in a row that were lost without saving a checkpoint the trial fails: a long one may
    lose any number as long as it comes on. A trial that is not wanted any more is cancelled.

    Args:
        token: given by those who only mean the attempt they know.

    Raises:
        NotFound: there is no such attempt.
        Fenced: the token is not the attempt's, or it has ended; StateConflict: without a token, it has ended.
    """
    job = lock_job_of_attempt(session, attempt_id)
    _lost(session, job, _end(session, attempt_id, "lost", token, "infrastructure", message))


def hand_back(session: Session, attempt_id: int, message: str, *, token: str | None = None) -> None:
    """The attempt was ended on purpose, with a checkpoint if it could: its trial waits for another one, however often
    that happens; or it is cancelled, where it is not wanted any more.

    Raises:
        As `lose`.
    """
    job = lock_job_of_attempt(session, attempt_id)
    attempt = _end(session, attempt_id, "handed_back", token, message=message)
    if _is_unwanted(job, attempt):
        trial = _cancel_trial(session, job, attempt.trial_id)
        _tell(session, job, attempt, trial, "trial.cancelled", message=trial.message)
    else:
        trial = move_trial(session, attempt.trial_id, "running", state="waiting")
        _tell(session, job, attempt, trial, "attempt.handed_back", message=message)


def stopped(session: Session, attempt_id: int, token: str) -> None:
    """The attempt ended because its row asked it to: cancelled where its search or its job is to end, handed back where
    the job is only paused, or where the wish was taken back after the attempt had read it.

    Raises:
        Fenced: the attempt has ended, or the token is not its own.
    """
    job = lock_job_of_attempt(session, attempt_id)
    attempt = session.scalars(select(Attempt).where(Attempt.id == attempt_id)).one()
    if _is_unwanted(job, attempt):
        cancel(session, attempt_id, token=token)
    else:
        was_paused = attempt.stop == "hand_back"
        message = "The job was paused." if was_paused else "It was asked to end, but the job goes on."
        hand_back(session, attempt_id, message, token=token)


def lose_expired(session: Session, job: Job) -> int:
    """Lose those running attempts of a job whose lease has run out; how many. The caller has locked the job's row."""
    query = select(Attempt.id).join(Trial).where(Trial.job_id == job.id, Attempt.state == "running", lease_is_over())
    lost = 0
    for attempt_id in session.scalars(query.order_by(Attempt.id)).all():
        attempt = _try_to_end(  # it may have renewed its lease since: asked again
            session, attempt_id, "lost", lease_is_over(), "infrastructure", "The attempt's lease ran out."
        )
        if attempt is not None:
            _lost(session, job, attempt)
            lost += 1
    return lost


def cancel(session: Session, attempt_id: int, *, token: str | None = None) -> None:
    """The attempt was ended by a user's wish, and so its trial.

    Raises:
        NotFound: there is no such attempt.
        Fenced: the token is not the attempt's, or it has ended; StateConflict: without a token, it has ended.
    """
    job = lock_job_of_attempt(session, attempt_id)
    attempt = _end(session, attempt_id, "cancelled", token)
    trial = _cancel_trial(session, job, attempt.trial_id)
    _tell(session, job, attempt, trial, "trial.cancelled", message=trial.message)


def _lost(session: Session, job: Job, attempt: Attempt) -> None:
    losses = _losses_without_progress(session, attempt.trial_id)
    if _is_unwanted(job, attempt):
        trial = _cancel_trial(session, job, attempt.trial_id)
    elif losses >= MAX_LOSSES:
        message = f"{losses} attempts in a row were lost without a new checkpoint; the last: {attempt.message}"
        trial = _end_trial(session, attempt.trial_id, "failed", "infrastructure", message)
    else:
        trial = move_trial(session, attempt.trial_id, "running", state="waiting")
    _tell(session, job, attempt, trial, "attempt.lost", message=attempt.message)
    if trial.state != "waiting":
        _tell(session, job, attempt, trial, f"trial.{trial.state}", message=trial.message)
    bad = slots.quarantined(session, attempt.slot)
    if bad:
        events.append(session, job.id, "slot.quarantined", {"slot": attempt.slot, "message": bad[0].message})


def _is_unwanted(job: Job, attempt: Attempt) -> bool:
    ended = job.wanted == "cancel" or job.state in ("succeeded", "failed", "cancelled")
    return ended or attempt.stop in ("stop", "cancel")


def _cancel_trial(session: Session, job: Job, trial_id: int) -> Trial:
    reason = "cancelled" if job.wanted == "cancel" else job.search_closed or "cancelled"
    return _end_trial(session, trial_id, "cancelled", reason, "Cancelled while it ran.")


def _losses_without_progress(session: Session, trial_id: int) -> int:
    return session.scalars(select(func.count()).where(Attempt.trial_id == trial_id, lost_without_progress())).one()


def lost_without_progress() -> ColumnElement[bool]:
    """Whether an attempt was lost, and no attempt of its trial has saved a checkpoint since it began."""
    progress = select(func.max(Checkpoint.attempt_id)).where(Checkpoint.trial_id == Attempt.trial_id)
    since = func.coalesce(progress.correlate(Attempt).scalar_subquery(), 0)
    return and_(Attempt.state == "lost", Attempt.id > since)


def lease_is_over() -> ColumnElement[bool]:
    """Whether an attempt's lease has run out by the database's clock."""
    return Attempt.lease_expires_at_s < now()


def _end(
    session: Session,
    attempt_id: int,
    state: str,
    token: str | None,
    failure_class: str = "",
    message: str = "",
) -> Attempt:
    condition = true() if token is None else Attempt.token == token
    attempt = _try_to_end(session, attempt_id, state, condition, failure_class, message)
    if attempt is not None:
        return attempt
    if token is not None:
        raise Fenced(f"Attempt {attempt_id} is not this process's any more.")
    old = session.scalars(select(Attempt.state).where(Attempt.id == attempt_id)).one()
    raise StateConflict(f"Attempt {attempt_id} is {old} and cannot be {state}.", old)


def _try_to_end(
    session: Session,
    attempt_id: int,
    state: str,
    condition: ColumnElement[bool],
    failure_class: str = "",
    message: str = "",
) -> Attempt | None:
    return session.scalars(
        update(Attempt)
        .where(Attempt.id == attempt_id, Attempt.state == "running", condition)
        .values(state=state, failure_class=failure_class, message=message, ended_at_s=now())
        .returning(Attempt),
    ).one_or_none()


def _end_trial(session: Session, trial_id: int, state: str, reason: str, message: str) -> Trial:
    return move_trial(session, trial_id, "running", state=state, reason=reason, message=message, ended_at_s=now())


def _tell(session: Session, job: Job, attempt: Attempt, trial: Trial, kind: str, **more: Any) -> None:
    payload = {"trial": trial.number, "attempt": attempt.number, "state": trial.state, "reason": trial.reason}
    events.append(session, job.id, kind, payload | more)
