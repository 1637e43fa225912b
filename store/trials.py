"""Trials: waiting → running → complete | pruned | infeasible | failed | cancelled. `store.attempts` moves them on."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sparseift.errors import InvalidValue
from sparseift.records import Configuration, Point
from store import events
from store.clock import now
from store.errors import NotFound, StateConflict
from store.rows import insert_unless_exists, lock_owned_job
from store.tables import Trial

STATES = ("waiting", "running", "complete", "pruned", "infeasible", "failed", "cancelled")
KINDS = ("baseline", "search", "confirm", "ladder")
ADDABLE = ("waiting", "infeasible")


def add(
    session: Session,
    job_id: str,
    token: str,
    *,
    number: int,
    kind: str,
    configuration: Configuration,
    point: Point,
    seed: int,
    state: str = "waiting",
    reason: str = "",
    message: str = "",
) -> Trial:
    """A trial of a running job, with the sizes that its plan foresees; training overwrites them with counted ones.

    Args:
        token: of the job's lease.
        number: of the trial within its job, from 0.
        state: "waiting" to be trained, or "infeasible", which is an end: recorded without training.

    Raises:
        Fenced: the lease is another's.
        StateConflict: the job is not running, its search is closed, or it already has a trial of that number.
    """
    if state not in ADDABLE or kind not in KINDS:
        raise InvalidValue(
            f"A trial cannot begin as kind '{kind}' and state '{state}'; kinds are {', '.join(KINDS)} and states "
            f"{', '.join(ADDABLE)}."
        )
    job = lock_owned_job(session, job_id, token)
    if job.state != "running" and job.wanted != "stop":
        raise StateConflict(f"Job '{job_id}' is {job.state} and takes no new trials.", job.state)
    if kind == "search" and state == "waiting" and job.search_closed:
        raise StateConflict(f"The search of job '{job_id}' was closed ({job.search_closed}).", job.state)
    values = {
        "job_id": job_id,
        "number": number,
        "kind": kind,
        "family": configuration.family,
        "configuration": configuration.canonical(),
        "configuration_key": configuration.key,
        "sparsity": point.sparsity if point.feasible else configuration.nominal_sparsity,
        "scale": point.scale,
        "seed": seed,
        "state": state,
        "reason": reason,
        "message": message,
        "created_at_s": now(),
        "ended_at_s": None if state == "waiting" else now(),
        "forward_flops_per_sample": point.forward_flops if point.feasible else None,
        "executed_flops_per_sample": point.executed_flops if point.feasible else None,
        "flop_ratio": point.flop_ratio if point.feasible else None,
        "parameters": point.parameters if point.feasible else None,
        "nonzero_parameters": point.nonzero_parameters if point.feasible else None,
    }
    statement = insert_unless_exists(session, Trial, ["job_id", "number"]).values(values).returning(Trial)
    trial = session.scalars(statement).one_or_none()
    if trial is None:
        raise StateConflict(f"Job '{job_id}' already has a trial {number}.", job.state)
    payload = {"trial": number, "kind": kind, "family": trial.family, "state": state, "reason": reason}
    events.append(session, job_id, f"trial.{state}", payload | {"message": message})
    return trial


def all_of(session: Session, job_id: str, first: int = 0) -> list[Trial]:
    """A job's trials by number, from the number `first` on, for the worker that drives it."""
    mine = select(Trial).where(Trial.job_id == job_id, Trial.number >= first)
    return list(session.scalars(mine.order_by(Trial.number)))


def get(session: Session, job_id: str, number: int) -> Trial:
    """One trial.

    Raises:
        NotFound: the job has none of that number (or there is no such job).
    """
    trial = session.scalars(select(Trial).where(Trial.job_id == job_id, Trial.number == number)).one_or_none()
    if trial is None:
        last = session.scalars(select(func.max(Trial.number)).where(Trial.job_id == job_id)).one()
        known = "it has none yet" if last is None else f"its trials are numbered up to {last}"
        raise NotFound(f"Job '{job_id}' has no trial {number}; {known}.")
    return trial
