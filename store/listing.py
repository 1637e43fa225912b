"""Lists of jobs: filtered, in one of four orders, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, String, cast, exists, select
from sqlalchemy.orm import Session, defer

from store.keyset import Key, after
from store.tables import Job, Label

Place = tuple[int | float | str, ...]  # of a row in an order: the values of its keys

ORDERS: dict[str, tuple[Key, ...]] = {
    "newest": (Key(Job.id, descending=True),),
    "oldest": (Key(Job.id),),
    "priority": (Key(Job.priority, descending=True), Key(Job.id)),  # as workers claim
    "updated": (Key(Job.updated_at_s, descending=True), Key(Job.id, descending=True)),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs a list shows; what is left out does not filter.

    Attributes:
        project: whose jobs. states: any of these.
        name: a part of the job's name, in whichever case (of ASCII letters).
        model, dataset, family: as the specification names them.
        labels: (key, value) that a job has, all of them.
        archived: archived ones alone, the others alone, or (None) both.
    """

    project: str | None = None
    states: Sequence[str] = ()
    name: str = ""
    model: str | None = None
    dataset: str | None = None
    family: str | None = None
    labels: Sequence[tuple[str, str]] = ()
    archived: bool | None = False


def page(
    session: Session, wanted: Wanted = Wanted(), *, sort: str = "newest", seen: Place | None = None, limit: int
) -> list[Job]:
    """At most `limit` jobs in an order of `ORDERS`, those after the place `seen` (None: from the first on).

    They come without their plans, which are long, and of which a list shows little: see `plans`.
    """
    keys = ORDERS[sort]
    order = [key.order() for key in keys]
    query = _filtered(select(Job.id), wanted).order_by(*order).limit(limit)  # ids: short rows to sort
    if seen is not None:
        query = query.where(after(keys, seen))
    rows = select(Job).where(Job.id.in_(query)).order_by(*order)
    return list(session.scalars(rows.options(defer(Job.plan, raiseload=True))))


def plans(session: Session, job_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The plans of several jobs at once, as JSON; unknown ones are left out."""
    return dict(session.execute(select(Job.id, Job.plan).where(Job.id.in_(job_ids))).all())


def place(job: Job, sort: str) -> Place:
    """Where a job stands in an order."""
    return {
        "newest": (job.id,),
        "oldest": (job.id,),
        "priority": (job.priority, job.id),
        "updated": (job.updated_at_s, job.id),
    }[sort]


def by_key(session: Session, project: str, idempotency_key: str) -> str | None:
    """The id of the job that a project's Idempotency-Key has made; None: there is none."""
    query = select(Job.id).where(Job.project == project, Job.idempotency_key == idempotency_key)
    return session.scalars(query).one_or_none()


def started_from(session: Session, job_id: str, states: Sequence[str]) -> list[str]:
    """The jobs in these states whose searches start from that one."""
    query = select(Job.id).where(Job.state.in_(states), _holds("start_from", job_id)).order_by(Job.id)
    return list(session.scalars(query))


def _filtered(query: Select[Any], wanted: Wanted) -> Select[Any]:
    if wanted.project is not None:
        query = query.where(Job.project == wanted.project)
    if wanted.states:
        query = query.where(Job.state.in_(wanted.states))
    if wanted.name:
        query = query.where(Job.name.icontains(wanted.name, autoescape=True))
    if wanted.model is not None:
        query = query.where(Job.spec[("model", "name")].as_string() == wanted.model)
    if wanted.dataset is not None:
        query = query.where(Job.spec[("dataset", "name")].as_string() == wanted.dataset)
    if wanted.family is not None:
        query = query.where(_holds("families", wanted.family))
    for key, value in wanted.labels:
        query = query.where(exists().where(Label.job_id == Job.id, Label.key == key, Label.value == value))
    if wanted.archived is not None:
        query = query.where(Job.archived_at_s.is_not(None) if wanted.archived else Job.archived_at_s.is_(None))
    return query


def _holds(field: str, word: str) -> Any:
    """Whether a list of the specification holds a word without quotes in it: in its JSON the word stands in quotes."""
    return cast(Job.spec[field], String).contains(f'"{word}"', autoescape=True)
