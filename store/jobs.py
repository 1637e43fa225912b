"""Jobs: queued → running ⇄ paused → stopping → succeeded | failed | cancelled, and the lease of the one worker
that drives a job. Every transition checks the old state in its WHERE clause and tells of itself in an event.
What users ask of a job is in `store.verbs`.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, case, func, not_, or_, select, update
from sqlalchemy.orm import Session

from sparseift.errors import InvalidValue
from sparseift.records import JobSpec, Plan, digest
from store import events, labels, quotas
from store.clock import now
from store.errors import Fenced, IdempotencyConflict, NotFound, StateConflict
from store.ids import new_id, new_token
from store.rows import insert_unless_exists, lock_owned_job
from store.tables import Job, Trial

ACTIVE = ("queued", "running", "paused", "stopping")
TERMINAL = ("succeeded", "failed", "cancelled")
STATES = ACTIVE + TERMINAL
CLAIMABLE = ("queued", "running", "stopping")  # a paused job starts nothing, so it needs no owner


def create(
    session: Session,
    spec: JobSpec,
    plan: Plan,
    idempotency_key: str | None = None,
    *,
    project: str = "default",
    owner: str = "",
    labelled: Mapping[str, str] | None = None,
    cloned_from: str | None = None,
    request: Mapping[str, Any] | None = None,
) -> tuple[Job, bool]:
    """A queued job, and whether it is new: the same key with the same spec gives the job of the first time.

    Args:
        idempotency_key: means something in its project alone.
        project: whose tokens see the job.
        owner: the id of the token that it came with; '': none was asked for.
        labelled: the labels it begins with.
        cloned_from: the id of the job whose specification this one began as; its first event names it.
        request: what was asked for, where that is not the specification with its labels: a clone of a job with changes
            is the same request when that job has been changed since.

    Raises:
        IdempotencyConflict: the key was used for another spec, or with other labels.
        QuotaExceeded: the project or the token has as much as it may have.
    """
    asked = digest(request or spec.to_json() | ({"labels": dict(labelled)} if labelled else {}))
    values = {
        "id": new_id("job"),
        "name": spec.name,
        "project": project,
        "owner": owner,
        "idempotency_key": idempotency_key,
        "request_digest": asked,
        "priority": spec.priority,
        "spec": spec.to_json(),
        "plan": plan.to_json(),
        "state": "queued",
        "created_at_s": now(),
        "updated_at_s": now(),
    }
    statement = insert_unless_exists(session, Job, ["project", "idempotency_key"]).values(values).returning(Job)
    job = session.scalars(statement).one_or_none()
    if job is not None:
        labels.put(session, job.id, labelled or {})
        origin = {} if cloned_from is None else {"cloned_from": cloned_from}
        events.append(session, job.id, "job.queued", {"state": "queued", "name": job.name} | origin)
        quotas.check(session, project, owner)
        return job, True
    same = select(Job).where(Job.project == project, Job.idempotency_key == idempotency_key)
    old = session.scalars(same).one()
    # Jobs of earlier versions have no digest, and specifications without the fields that were added since.
    submitted = old.request_digest or digest(JobSpec.from_json(old.spec).to_json())
    if submitted != asked:
        raise IdempotencyConflict(
            f"The idempotency key '{idempotency_key}' was already used for job '{old.id}', which asks for something "
            "else; use a new key."
        )
    return old, False


def get(session: Session, job_id: str) -> Job:
    """One job.

    Raises:
        NotFound: there is none of that id.
    """
    job = session.scalars(select(Job).where(Job.id == job_id)).one_or_none()
    if job is None:
        raise NotFound(f"There is no job '{job_id}'.")
    return job


def counts(session: Session, job_id: str) -> dict[str, int]:
    """How many of the job's trials are in each state; states without trials are left out."""
    query = select(Trial.state, func.count()).where(Trial.job_id == job_id).group_by(Trial.state)
    return dict(session.execute(query).all())


def claim(session: Session, worker: str, ttl_s: float, slots: int = 0) -> Job | None:
    """Lease the first job in the queue that nobody drives, for `ttl_s` seconds by the database's clock; None: none.

    Higher priorities come first, then older jobs; those that a quota holds are passed over. The conditional UPDATE
    decides; of two workers that race for a job exactly one gets it. A queued job becomes running; a running or stopping
    one, whose owner let it go or died, keeps its state.

    Args:
        slots: that the worker has; its event says so where the job's search uses fewer at a time (`in_flight`).
    """
    found = _first_in_queue(session)
    if found is None:
        return None
    job_id, old_state = found
    state = "running" if old_state == "queued" else old_state
    job = session.scalars(
        update(Job)
        .where(Job.id == job_id, Job.state == old_state, _unowned())
        .values(
            state=state,
            lease_owner=worker,
            lease_token=new_token(),
            lease_expires_at_s=now() + ttl_s,
            started_at_s=func.coalesce(Job.started_at_s, now()),
            active_since_s=func.coalesce(Job.active_since_s, now()),
        )
        .returning(Job),
    ).one_or_none()
    if job is not None:
        kind = "job.running" if old_state == "queued" else "job.claimed"
        at_once = job.spec["in_flight"]
        more = {"slots": slots, "in_flight": at_once} if slots > at_once else {}
        events.append(session, job_id, kind, {"state": state, "worker": worker, **more})
    return job


def _first_in_queue(session: Session) -> tuple[str, str] | None:
    """Id and state of the job to claim. Without jobs that wait this is one query; each quota that holds any is one
    more look.
    """
    queue = select(Job.id, Job.state, Job.project, Job.owner).where(_unowned())
    while True:
        first = queue.order_by(Job.priority.desc(), Job.id).limit(1)
        found = session.execute(first.with_for_update(key_share=True, skip_locked=True)).one_or_none()
        if found is None:
            return None
        hold = quotas.holding(session, found.state, found.project, found.owner, lock=True)
        if hold is None:
            return found.id, found.state
        queue = queue.where(not_(quotas.held(hold)))


def renew(session: Session, job_id: str, token: str, ttl_s: float) -> Job:
    """Prolong the lease to `ttl_s` seconds from now; the fresh row says in `wanted` what a user asked for.

    Raises:
        Fenced: the lease is another's, or the job has ended.
    """
    job = session.scalars(
        update(Job)
        .where(Job.id == job_id, Job.lease_token == token)
        .values(lease_expires_at_s=now() + ttl_s)
        .returning(Job),
    ).one_or_none()
    if job is None:
        raise Fenced(f"Job '{job_id}' is not leased to this worker any more.")
    return job


def release(session: Session, job_id: str, token: str) -> None:
    """Give the lease back: another worker may claim the job at once.

    Raises:
        Fenced: the lease is another's.
    """
    job = lock_owned_job(session, job_id, token)
    worker = job.lease_owner
    disown(session, job_id)
    events.append(session, job_id, "job.released", {"state": job.state, "worker": worker})


def disown(session: Session, job_id: str) -> None:
    """Take the lease off a job whose row the caller has locked."""
    session.execute(
        update(Job).where(Job.id == job_id).values(lease_owner=None, lease_token=None, lease_expires_at_s=None),
    )


def finish(
    session: Session,
    job_id: str,
    token: str,
    state: str,
    reason: str,
    message: str,
    *,
    asked: dict[str, Any] | None = None,
) -> None:
    """End a job: succeeded or failed from running, any of the three from stopping. Waiting trials are cancelled.

    Args:
        asked: the specification that was worked through, in JSON; None does not compare.

    Raises:
        Fenced: the lease is another's, or the job has ended.
        StateConflict: a trial still runs; or success with trials that wait, or although it was paused, asked to cancel
            or extended in the meantime: look at the job again (`renew`).
    """
    if state not in TERMINAL:
        raise InvalidValue(f"A job cannot end as '{state}'; it ends as {', '.join(TERMINAL)}.")
    job = lock_owned_job(session, job_id, token)
    left = counts(session, job_id)
    refusal = ""
    if left.get("running"):
        refusal = f"{left['running']} of its trials still run"
    elif state == "succeeded" and left.get("waiting"):
        refusal = f"{left['waiting']} of its trials still wait"
    elif job.state == "paused":
        refusal = "it was paused in the meantime"
    elif state == "succeeded" and job.wanted == "cancel":
        refusal = "it was asked to cancel"
    elif asked is not None and job.spec != asked:
        refusal = "its budget was extended in the meantime"
    elif state == "cancelled" and job.state != "stopping":
        refusal = "nobody asked for it"
    if refusal:
        raise StateConflict(f"Job '{job_id}' is {job.state} and cannot be {state}: {refusal}.", job.state)
    end(session, job_id, ("running", "stopping"), state, reason, message)


def end(session: Session, job_id: str, old_states: tuple[str, ...], state: str, reason: str, message: str) -> Job:
    """End a job whose row the caller has locked, and cancel its waiting trials.

    Raises:
        StateConflict: its state is not one of `old_states`.
    """
    job = session.scalars(
        update(Job)
        .where(Job.id == job_id, Job.state.in_(old_states))
        .values(
            state=state,
            wanted=None,
            reason=reason,
            message=message,
            ended_at_s=now(),
            tidied_at_s=None,
            **inactive(),
            lease_owner=None,
            lease_token=None,
            lease_expires_at_s=None,
        )
        .returning(Job),
    ).one_or_none()
    if job is None:
        old = get(session, job_id)
        raise StateConflict(f"Job '{job_id}' is {old.state} and cannot be {state}.", old.state)
    why = f"The job was {state}." if state == "cancelled" else f"The job {state}."
    cancelled = session.scalars(
        update(Trial)
        .where(Trial.job_id == job_id, Trial.state == "waiting")
        .values(state="cancelled", reason="cancelled", message=why, ended_at_s=now())
        .returning(Trial.number),
    ).all()
    for number in sorted(cancelled):
        events.append(session, job_id, "trial.cancelled", {"trial": number, "state": "cancelled", "message": why})
    payload = {"state": state, "reason": reason, "message": message}
    events.append(session, job_id, f"job.{state}", payload)
    return job


def inactive() -> dict[str, Any]:
    """What leaving the states in which a job works changes: its wall time stands still."""
    worked = case((Job.active_since_s.is_(None), 0.0), else_=now() - Job.active_since_s)
    return {"active_s": Job.active_s + worked, "active_since_s": None}


def untidied(session: Session, limit: int) -> list[str]:
    """Up to `limit` ended jobs whose checkpoints nobody has put in order since."""
    query = select(Job.id).where(Job.state.in_(TERMINAL), Job.tidied_at_s.is_(None)).order_by(Job.id).limit(limit)
    return list(session.scalars(query))


def set_tidied(session: Session, job_id: str) -> None:
    """Record that an ended job's files are in order; one that goes on meanwhile is passed over."""
    ended = update(Job).where(Job.id == job_id, Job.state.in_(TERMINAL))
    session.execute(ended.values(tidied_at_s=now()))


def _unowned() -> ColumnElement[bool]:
    free = or_(Job.lease_token.is_(None), Job.lease_expires_at_s < now())
    return Job.state.in_(CLAIMABLE) & free
