"""Lists of a job's trials: filtered, in one of five orders, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.keyset import Key, after, nulls_last
from store.listing import Place
from store.tables import Trial

NUMBER = Key(Trial.number)
ORDERS: dict[str, tuple[Key, ...]] = {
    "number": (NUMBER,),
    "-number": (Key(Trial.number, descending=True),),
    "value": (*nulls_last(Trial.value), NUMBER),
    "-value": (*nulls_last(Trial.value, descending=True), NUMBER),
    "ended": (*nulls_last(Trial.ended_at_s), NUMBER),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which trials a list shows; what is left out does not filter.

    Attributes:
        states, kinds: any of these.
        family: of this one. configuration: of the one with this key.
        min_sparsity, max_sparsity: inclusive, of masked weights.
    """

    states: Sequence[str] = ()
    kinds: Sequence[str] = ()
    family: str | None = None
    min_sparsity: float | None = None
    max_sparsity: float | None = None
    configuration: str | None = None


def page(
    session: Session,
    job_id: str,
    wanted: Wanted = Wanted(),
    *,
    sort: str = "number",
    seen: Place | None = None,
    limit: int,
) -> list[Trial]:
    """At most `limit` of a job's trials in an order of `ORDERS`, those after the place `seen` (None: all)."""
    keys = ORDERS[sort]
    order = [key.order() for key in keys]
    query = select(Trial.id).where(Trial.job_id == job_id).order_by(*order).limit(limit)  # ids: short rows to sort
    if wanted.states:
        query = query.where(Trial.state.in_(wanted.states))
    if wanted.kinds:
        query = query.where(Trial.kind.in_(wanted.kinds))
    if wanted.family is not None:
        query = query.where(Trial.family == wanted.family)
    if wanted.configuration is not None:
        query = query.where(Trial.configuration_key == wanted.configuration)
    if wanted.min_sparsity is not None:
        query = query.where(Trial.sparsity >= wanted.min_sparsity)
    if wanted.max_sparsity is not None:
        query = query.where(Trial.sparsity <= wanted.max_sparsity)
    if seen is not None:
        query = query.where(after(keys, seen))
    return list(session.scalars(select(Trial).where(Trial.id.in_(query)).order_by(*order)))


def place(trial: Trial, sort: str) -> Place:
    """Where a trial stands in an order."""
    if sort in ("number", "-number"):
        return (trial.number,)
    value = trial.ended_at_s if sort == "ended" else trial.value
    return (int(value is None), 0.0 if value is None else value, trial.number)
