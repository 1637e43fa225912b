"""What users ask of a job: pause, resume, stop, cancel, extend, prioritize.

Asking again for what holds already changes nothing; what the job's state forbids is a `StateConflict`. A verb only
changes rows: the job's worker reads them at its next renewal, its attempts at theirs, and if the worker is dead the
next one, or the reaper, goes on from there.
"""

from dataclasses import fields, replace
from typing import Any, Literal

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from sparseift.errors import InvalidValue
from sparseift.records import Budget, JobSpec
from store import events, jobs, quotas
from store.clock import now
from store.errors import StateConflict
from store.rows import lock_job, lock_owned_job
from store.tables import Attempt, Job, Trial

PRIORITIES = (-100, 100)  # inclusive
EXTENDABLE = ("queued", "running", "paused", "succeeded", "failed")
EXTENSIONS = ("search_trials", "confirm_seeds", "wall_time_s", "device_hours", "training_flops", "failures_allowed")
STOPPED = "stopped"
WISHES = ("", "hand_back", "stop", "cancel")  # of `Attempt.stop`, each stronger than those before it


def pause(session: Session, job_id: str, running: Literal["finish", "hand_back"] = "finish") -> Job:
    """Start nothing new. Running trials finish, or save a checkpoint and wait; either way the worker lets the job go.

    Raises:
        NotFound: there is no such job.
        StateConflict: it is stopping or has ended.
    """
    job = lock_job(session, job_id)
    if job.state != "paused":
        message = "A user paused the job."
        job = _move(session, job, ("queued", "running"), "paused", "paused", message, **jobs.inactive())
    if running == "hand_back":
        _ask_attempts(session, job_id, "hand_back")
    return job


def resume(session: Session, job_id: str) -> Job:
    """Go on after a pause: queued if it had not begun, else running and free to be claimed.

    Raises:
        NotFound: there is no such job.
        StateConflict: it is stopping or has ended.
    """
    job = lock_job(session, job_id)
    if job.state in ("queued", "running"):
        return job
    if job.started_at_s is None:
        return _move(session, job, ("paused",), "queued", "resumed", "A user resumed the job.")
    _take_back(session, job_id, "hand_back")  # what a spent budget has ended stays ended
    message = "A user resumed the job."
    return _move(session, job, ("paused",), "running", "resumed", message, active_since_s=now())


def stop(session: Session, job_id: str, running: Literal["finish", "stop"] = "finish") -> Job:
    """End early and keep what is measured: no new search trials; running ones finish or are stopped, the confirmations
    of what there is follow, and the job succeeds with the reason "stopped". One that has not begun is cancelled.

    Raises:
        NotFound: there is no such job.
        StateConflict: it is being cancelled, or has ended in another way.
    """
    job = lock_job(session, job_id)
    if job.state == "succeeded" and job.reason == STOPPED:
        return job
    if job.started_at_s is None and job.state in ("queued", "paused"):
        return jobs.end(session, job_id, (job.state,), "cancelled", STOPPED, "Stopped before it began.")
    if job.state != "stopping":
        message = "A user stopped the job; what is measured is kept and confirmed."
        more = {"wanted": "stop", "active_since_s": job.active_since_s or now()}
        job = _move(session, job, ("queued", "running", "paused"), "stopping", STOPPED, message, **more)
    elif job.wanted != "stop":
        raise StateConflict(f"Job '{job_id}' is being cancelled and cannot be stopped in good order.", job.state)
    _take_back(session, job_id, "hand_back")  # of a pause that is over
    return _close(session, job, job.search_closed or STOPPED, stop_running=running == "stop")


def cancel(session: Session, job_id: str) -> Job:
    """End running trials now. A job that has not begun is cancelled at once; another becomes stopping, its attempts
    are told to stop, and its worker (or, if that is dead, the reaper) ends it.

    Raises:
        NotFound: there is no such job.
        StateConflict: it succeeded or failed.
    """
    job = lock_job(session, job_id)
    if job.state == "cancelled" or (job.state == "stopping" and job.wanted == "cancel"):
        return job
    if job.started_at_s is None and job.state in ("queued", "paused"):
        return jobs.end(session, job_id, (job.state,), "cancelled", "cancelled", "Cancelled before it began.")
    message = "A user asked to cancel the job."
    old = ("queued", "running", "paused", "stopping")  # queued: one that was extended has begun already
    job = _move(session, job, old, "stopping", "cancel", message, wanted="cancel")
    _ask_attempts(session, job_id, "cancel")
    return job


def extend(session: Session, job_id: str, totals: dict[str, Any]) -> Job:
    """Raise a job's budget: it goes on from its rows, as if it had been submitted so. One that has ended is queued
    again; a search that was closed is open again, and trials that were cancelled with it wait again.

    Args:
        totals: some of `EXTENSIONS`, each at least what it is now; None takes a limit away.

    Raises:
        NotFound: there is no such job.
        StateConflict: it is stopping or was cancelled.
        InvalidValue: something else, or less than now.
        QuotaExceeded: it had ended, and its project or token has as much as it may have.
    """
    job = lock_job(session, job_id)
    spec = JobSpec.from_json(job.spec)
    budget = raised(spec.budget, totals)
    if job.state not in EXTENDABLE:
        raise StateConflict(f"Job '{job_id}' is {job.state} and cannot be extended; clone it instead.", job.state)
    if budget == spec.budget:
        return job
    revived = session.scalars(
        update(Trial)
        .where(Trial.job_id == job_id, Trial.state == "cancelled")
        .values(state="waiting", reason="", message="", ended_at_s=None)
        .returning(Trial.number),
    ).all()
    for number in sorted(revived):
        events.append(session, job_id, "trial.waiting", {"trial": number, "state": "waiting", "reason": "extended"})
    _take_back(session, job_id, "stop", "hand_back" if job.state == "paused" else "")  # the search is open again
    changes: dict[str, Any] = {"spec": replace(spec, budget=budget).to_json(), "search_closed": ""}
    had_ended = job.state in jobs.TERMINAL
    if had_ended:
        changes |= {
            "state": "queued",
            "reason": "extended",
            "message": "A user extended its budget.",
            "ended_at_s": None,
            "archived_at_s": None,
        }
    asked = session.scalars(update(Job).where(Job.id == job_id).values(**changes).returning(Job)).one()
    before, after = _plain(spec.budget), _plain(budget)
    changed = {name: [before[name], after[name]] for name in after if after[name] != before[name]}
    events.append(session, job_id, "job.extended", {"state": asked.state, "budget": changed})
    if had_ended:
        quotas.check(session, job.project, job.owner)
    return asked


def raised(budget: Budget, totals: dict[str, Any]) -> Budget:
    """A budget with new totals.

    Raises:
        InvalidValue: a field that cannot be extended, or less than now.
    """
    for name, total in totals.items():
        if name not in EXTENSIONS:
            raise InvalidValue(f"A budget's '{name}' cannot be extended; the fields are {', '.join(EXTENSIONS)}.")
        now_at = getattr(budget, name)
        if name in ("search_trials", "confirm_seeds") and total is None:
            raise InvalidValue(f"budget.{name} cannot be without a limit; it is {now_at}.")
        if total is not None and (now_at is None or total < now_at) and name != "failures_allowed":
            limit = "without a limit" if now_at is None else f"{now_at:g}"
            raise InvalidValue(f"budget.{name} cannot become {total:g}: it is {limit}, and can only be raised.")
    return replace(budget, **totals)


def prioritize(session: Session, job_id: str, priority: int) -> Job:
    """Move a job in the queue; one that a worker drives keeps its worker.

    Raises:
        NotFound: there is no such job.
        StateConflict: it has ended.
        InvalidValue: outside of `PRIORITIES`.
    """
    low, high = PRIORITIES
    if not low <= priority <= high:
        raise InvalidValue(f"A priority cannot be {priority}; it must lie in [{low}, {high}].")
    job = lock_job(session, job_id)
    if job.state in jobs.TERMINAL:
        raise StateConflict(f"Job '{job_id}' is {job.state} and has no place in the queue.", job.state)
    if job.priority == priority:
        return job
    moved = session.scalars(update(Job).where(Job.id == job_id).values(priority=priority).returning(Job)).one()
    events.append(session, job_id, "job.prioritized", {"state": job.state, "priority": priority})
    return moved


def close_search(session: Session, job_id: str, token: str, word: str, message: str, *, stop_running: bool) -> None:
    """The search ends early, because a limit of the budget is reached; the confirmations follow.

    Args:
        word: of the limit, as `JobSpec.budget` names it. stop_running: whether running search trials are stopped.

    Raises:
        Fenced: the lease is another's.
    """
    job = lock_owned_job(session, job_id, token)
    if not job.search_closed:
        _close(session, job, word, stop_running=stop_running, message=message)


def _close(session: Session, job: Job, word: str, *, stop_running: bool, message: str = "") -> Job:
    begun = exists().where(Attempt.trial_id == Trial.id)
    waiting = update(Trial).where(Trial.job_id == job.id, Trial.kind == "search", Trial.state == "waiting")
    if not stop_running:
        waiting = waiting.where(~begun)
    why = "The search was ended before it began." if not stop_running else "The search was ended."
    values = {"state": "cancelled", "reason": word, "message": why, "ended_at_s": now()}
    cancelled = session.scalars(waiting.values(**values).returning(Trial.number)).all()
    for number in sorted(cancelled):
        events.append(session, job.id, "trial.cancelled", {"trial": number, "state": "cancelled", "message": why})
    if stop_running:
        _ask_attempts(session, job.id, "stop")
    if job.search_closed == word:
        return job
    if message:
        events.append(session, job.id, "job.search_closed", {"state": job.state, "reason": word, "message": message})
    closed = update(Job).where(Job.id == job.id).values(search_closed=word).returning(Job)
    return session.scalars(closed).one()


def _move(
    session: Session, job: Job, old_states: tuple[str, ...], state: str, reason: str, message: str, **values: Any
) -> Job:
    if job.state not in old_states:
        raise StateConflict(f"Job '{job.id}' is {job.state} and cannot become {state}.", job.state)
    moved = session.scalars(
        update(Job)
        .where(Job.id == job.id, Job.state == job.state)
        .values(state=state, reason=reason, message=message, **values)
        .returning(Job),
    ).one()
    payload = {"state": state, "reason": reason, "message": message}
    events.append(session, job.id, f"job.{state}", payload | ({"wanted": moved.wanted} if moved.wanted else {}))
    return moved


def _ask_attempts(session: Session, job_id: str, wish: str) -> None:
    """Ask running attempts to end; a stop is of search trials alone. A stronger wish that stands is kept."""
    trials = select(Trial.id).where(Trial.job_id == job_id)
    if wish == "stop":
        trials = trials.where(Trial.kind == "search")
    weaker = WISHES[: WISHES.index(wish)]
    session.execute(
        update(Attempt)
        .where(Attempt.trial_id.in_(trials), Attempt.state == "running", Attempt.stop.in_(weaker))
        .values(stop=wish),
    )


def _take_back(session: Session, job_id: str, wish: str, instead: str = "") -> None:
    """Let those run on that were asked to end by this wish; one that has read it already ends, and its trial waits."""
    trials = select(Trial.id).where(Trial.job_id == job_id)
    session.execute(
        update(Attempt)
        .where(Attempt.trial_id.in_(trials), Attempt.state == "running", Attempt.stop == wish)
        .values(stop=instead),
    )


def _plain(budget: Budget) -> dict[str, Any]:
    return {field.name: getattr(budget, field.name) for field in fields(budget)}
