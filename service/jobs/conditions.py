"""What has become of a job, with reason, sentence and time: its conditions, read from its event log.

A job has one condition of each type, the last one; the newest that is a state is the one it is in.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any, cast

from sqlalchemy.orm import Session

from service.jobs.progress import TERMINAL
from service.jobs.schemas import ConditionView
from service.times import utc
from sparseift.records import Plan
from store import overview
from store.tables import Event, Job

KEPT = 2_000  # jobs

Conditions = Mapping[str, ConditionView]  # by type, the oldest first


def planned(job: Job) -> ConditionView:
    """Every job is planned before it is stored."""
    points = Plan.from_json(job.plan).points
    feasible = sum(point.feasible for point in points)
    message = f"{feasible} of {len(points)} points of the space meet the dense model's FLOPs."
    return ConditionView(type="planned", at=utc(job.created_at_s), reason="planned", message=message)


def following(before: Conditions, events: Iterable[Event]) -> Conditions:
    """The conditions after these events, the oldest first."""
    found = dict(before)
    for event in events:
        condition = _condition(event, found)
        found.pop(condition.type, None)  # behind the others
        found[condition.type] = condition
    return found


def _condition(event: Event, before: Conditions) -> ConditionView:
    payload, word = event.payload, event.kind.removeprefix("job.")
    reason, message = payload.get("reason", ""), payload.get("message", "")
    if word == "queued" and not reason:
        origin = payload.get("cloned_from")
        reason, message = "submitted", f"Cloned from '{origin}'." if origin else "A user submitted the job."
    elif word == "running" and not reason:
        reason, message = "claimed", _taken(payload)
    elif word == "extended":
        reason, message = "extended", _extension(payload.get("budget", {}))
        if payload.get("state") == "queued" and _ended(before):
            word = "queued"
    return ConditionView(type=cast(Any, word), at=utc(event.at_s), reason=reason, message=message)


def _taken(payload: Mapping[str, Any]) -> str:
    taken = f"The worker '{payload.get('worker', '')}' took the job."
    if "in_flight" not in payload:
        return taken
    return f"{taken} Of its {payload['slots']} slots the search uses {payload['in_flight']} at a time (in_flight)."


def _ended(before: Conditions) -> bool:
    return any(word in TERMINAL for word in before)


def _extension(budget: Mapping[str, Any]) -> str:
    changes = ", ".join(f"{name} from {old} to {new}" for name, (old, new) in budget.items())
    return f"A user extended the budget: {changes}." if changes else "A user extended the budget."


class ConditionMemory:
    """Conditions by job: of a log that only grows, what is new is all that is read."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, Conditions]] = OrderedDict()
        self._books = Lock()

    def get(self, session: Session, job: Job) -> list[ConditionView]:
        """The conditions in the session's snapshot or a later one. The session must only read: what it sees is
        committed.
        """
        with self._books:
            seen, found = self._kept.get(job.id, (0, {}))
        last = overview.last_event(session, job.id)
        if seen < last:
            found = following(found or {"planned": planned(job)}, overview.milestones(session, job.id, seen))
            with self._books:
                if self._kept.get(job.id, (0, {}))[0] < last:
                    self._kept[job.id] = (last, found)
                    self._kept.move_to_end(job.id)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return list(found.values())
