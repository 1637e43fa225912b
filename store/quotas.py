"""Quotas: how many jobs a project or a token may have at once, how many of them may be driven at once, and how many
device-hours they may use in 30 days.

They are held against where work begins: a new job, an ended one that is extended, and where a worker claims one. What
runs goes on.
"""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, case, delete, func, or_, select
from sqlalchemy.orm import Session

from sparseift.errors import InvalidValue
from store.clock import now
from store.errors import QuotaExceeded
from store.rows import upsert
from store.spending import device_share, ended_s
from store.tables import Attempt, Job, Quota, Trial

KINDS = ("project", "token")
WINDOW_S = 30 * 86_400.0
ACTIVE = ("queued", "running", "paused", "stopping")

Kind = Literal["project", "token"]


@dataclass(frozen=True, slots=True)
class Usage:
    """What is used now, in the units of the quota's columns of the same names."""

    active_jobs: int
    device_hours: float
    running_jobs: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a job is not begun although a worker is free.

    Attributes:
        kind: project | token. subject: its name or id. quota: running_jobs | device_hours.
        message: a sentence.
    """

    kind: str
    subject: str
    quota: str
    message: str


def put(
    session: Session,
    kind: str,
    subject: str,
    active_jobs: int | None,
    device_hours: float | None,
    running_jobs: int | None = None,
) -> None:
    """Set a quota; null limits nothing, and nulls alone take the quota away.

    Args:
        subject: the project's name or the token's id.

    Raises:
        InvalidValue: below zero, or another kind.
    """
    if kind not in KINDS:
        raise InvalidValue(f"There are no quotas of a '{kind}'; they are of a {' or a '.join(KINDS)}.")
    limits = {"active_jobs": active_jobs, "device_hours": device_hours, "running_jobs": running_jobs}
    for name, limit in limits.items():
        if limit is not None and not limit >= 0:
            raise InvalidValue(f"A quota's {name} cannot be {limit:g}; it must be at least 0.")
    if all(limit is None for limit in limits.values()):
        session.execute(delete(Quota).where(Quota.kind == kind, Quota.subject == subject))
        return
    values = {"kind": kind, "subject": subject, **limits}
    session.execute(upsert(session, Quota, values, ["kind", "subject"], limits))


def get(session: Session, kind: str, subject: str, *, lock: bool = False) -> Quota:
    """A quota; one without limits where none was set.

    Args:
        lock: its row, where there is one, until the commit.
    """
    query = select(Quota).where(Quota.kind == kind, Quota.subject == subject)
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    return found or Quota(kind=kind, subject=subject, active_jobs=None, device_hours=None, running_jobs=None)


def page(session: Session, *, after: tuple[str, str] | None, limit: int) -> list[Quota]:
    """Quotas after (kind, subject), in that order."""
    query = select(Quota).order_by(Quota.kind, Quota.subject).limit(limit)
    if after is not None:
        kind, subject = after
        query = query.where(or_(Quota.kind > kind, (Quota.kind == kind) & (Quota.subject > subject)))
    return list(session.scalars(query))


def usage(session: Session, kind: str, subject: str) -> Usage:
    """What a project or a token uses."""
    active = select(func.count()).where(_owned(kind, subject), Job.state.in_(ACTIVE))
    return Usage(session.scalars(active).one(), _device_hours(session, kind, subject), _driven(session, kind, subject))


def holding(session: Session, state: str, project: str, owner: str, *, lock: bool = False) -> Hold | None:
    """What keeps a job that nobody drives from being claimed; None: nothing.

    One that is stopping is never held: somebody must end it. Device-hours hold what has not begun alone.

    Args:
        state: the job's. owner: the id of the token that it came with; '': without any.
        lock: the quotas' rows, until the commit: of two workers that claim at once, one sees the other.
    """
    if state not in ("queued", "running"):
        return None
    whose = (Quota.kind == "project") & (Quota.subject == project)
    if owner:
        whose |= (Quota.kind == "token") & (Quota.subject == owner)
    query = select(Quota).where(whose).order_by(Quota.kind)
    for quota in session.scalars(query.with_for_update() if lock else query).all():
        kind, subject = quota.kind, quota.subject
        if quota.running_jobs is not None and _driven(session, kind, subject) >= quota.running_jobs:
            sentence = f"{_named(kind, subject)} may have {quota.running_jobs} of its jobs run at once, and has."
            return Hold(kind, subject, "running_jobs", f"{sentence} This one begins when another ends or is paused.")
        if state == "queued" and quota.device_hours is not None:
            hours = _device_hours(session, kind, subject)
            if hours >= quota.device_hours:
                sentence = (
                    f"{_named(kind, subject)} may use {quota.device_hours:g} device-hours in 30 days, and has used "
                    f"{hours:.4g}; this job begins when enough of them are older."
                )
                return Hold(kind, subject, "device_hours", sentence)
    return None


def held(hold: Hold) -> ColumnElement[bool]:
    """The jobs that it holds."""
    states = ("queued", "running") if hold.quota == "running_jobs" else ("queued",)
    return _owned(hold.kind, hold.subject) & Job.state.in_(states)


def check(session: Session, project: str, owner: str) -> None:
    """Hold what a project and a token use, the job that was just made included, against their quotas.

    The quotas' rows are locked until the commit: of two jobs made at once, one sees the other.

    Raises:
        QuotaExceeded: with the numbers; the caller's transaction must not be committed.
    """
    subjects = [("project", project)] + ([("token", owner)] if owner else [])
    for kind, subject in subjects:
        query = select(Quota).where(Quota.kind == kind, Quota.subject == subject).with_for_update()
        quota = session.scalars(query).one_or_none()
        if quota is None:
            continue
        if quota.active_jobs is not None:
            active = session.scalars(
                select(func.count()).where(_owned(kind, subject), Job.state.in_(ACTIVE)),
            ).one()
            if active > quota.active_jobs:
                raise QuotaExceeded(
                    f"{_named(kind, subject)} may have {quota.active_jobs} jobs that have not ended, and has "
                    f"{active - 1} already; wait for one or cancel it.",
                    kind,
                    subject,
                    "active_jobs",
                    used=active - 1,
                    limit=quota.active_jobs,
                )
        if quota.device_hours is not None:
            hours = _device_hours(session, kind, subject)
            if hours >= quota.device_hours:
                raise QuotaExceeded(
                    f"{_named(kind, subject)} may use {quota.device_hours:g} device-hours in 30 days, and has used "
                    f"{hours:.4g}; they come free as they grow older.",
                    kind,
                    subject,
                    "device_hours",
                    used=hours,
                    limit=quota.device_hours,
                )


def _named(kind: str, subject: str) -> str:
    return f"Project '{subject}'" if kind == "project" else f"Token '{subject}'"


def _owned(kind: str, subject: str) -> ColumnElement[bool]:
    return Job.project == subject if kind == "project" else Job.owner == subject


def _driven(session: Session, kind: str, subject: str) -> int:
    """Running jobs that a worker holds a lease of."""
    leased = Job.lease_token.is_not(None) & (Job.lease_expires_at_s >= now())
    query = select(func.count()).where(Job.state == "running", leased, _owned(kind, subject))
    return session.scalars(query).one()


def _device_hours(session: Session, kind: str, subject: str) -> float:
    """Of the attempts' time on their devices, what lies in the last 30 days."""
    since = now() - WINDOW_S
    begun = case((Attempt.started_at_s < since, since), else_=Attempt.started_at_s)
    held = func.coalesce(func.sum((ended_s() - begun) * device_share()), 0.0)
    query = select(held).select_from(Attempt).join(Trial).join(Job, Job.id == Trial.job_id)
    # A job that nothing has happened to since has no attempt that ended since.
    recent = query.where(_owned(kind, subject), Job.updated_at_s > since, ended_s() > since)
    return session.scalars(recent).one() / 3600.0
