"""/v1/workers and /v1/slots: who works, on what, and which places are out of use."""

from typing import Annotated

from fastapi import APIRouter, Path

from service import pages, problems
from service.access.viewer import Seen, Viewer
from service.context import Here
from service.times import utc
from service.workers.schemas import QuarantineDetail, SlotPage, SlotUse, SlotView, WorkerPage, WorkerSlot, WorkerView
from store import slots, workers

router = APIRouter(prefix="/v1", tags=["workers"])

NAME = r"[^\x00-\x1f\x7f]{1,200}"
SlotName = Annotated[
    str, Path(pattern=f"^{NAME}$", max_length=200, description="As lists name it.", examples=["desk/cuda:1"])
]


@router.get(
    "/workers", response_model=WorkerPage, summary="List workers", responses=problems.documented("invalid-request")
)
def list_workers(here: Here, viewer: Seen, limit: pages.Limit = 100, page_token: pages.PageToken = None) -> WorkerPage:
    """Each tells of itself as long as it lives; one that fell silent for longer than its lease time is `lost`."""
    pager = pages.Listing("workers", {})
    seen = pager.place(page_token, (NAME,))
    with here.database.read() as session:
        found, last = pages.cut(workers.page(session, after=seen[0] if seen else None, limit=limit + 1), limit)
        busy = workers.busy(session, [worker.row.name for worker in found])
    items = [_worker(worker, [b for b in busy if b.worker == worker.row.name], viewer) for worker in found]
    return WorkerPage(items=items, next_page_token=pager.token([last.row.name]) if last else None)


@router.get("/slots", response_model=SlotPage, summary="List slots", responses=problems.documented("invalid-request"))
def list_slots(here: Here, viewer: Seen, limit: pages.Limit = 100, page_token: pages.PageToken = None) -> SlotPage:
    """Those of workers that live, those where something runs, and those in quarantine, with the reason."""
    pager = pages.Listing("slots", {})
    seen = pager.place(page_token, (NAME,))
    with here.database.read() as session:
        every = workers.all_slots(session, project=viewer.project)
    rest = [slot for slot in every if seen is None or slot.slot > seen[0]]
    found, last = pages.cut(rest[: limit + 1], limit)
    items = [_slot(slot, viewer) for slot in found]
    return SlotPage(items=items, next_page_token=pager.token([last.slot]) if last else None)


@router.post(
    "/slots/{slot:path}:release",
    response_model=SlotView,
    summary="Let a slot out of quarantine",
    responses=problems.documented("not-found", "invalid-request"),
)
def release_slot(here: Here, viewer: Seen, slot: SlotName) -> SlotView:
    """After a repair: what was lost there until now does not count any more. One that is in use stays as it is."""
    with here.database.write() as session:
        slots.release(session, slot)
        every = {found.slot: found for found in workers.all_slots(session, project=viewer.project)}
    return _slot(every.get(slot, workers.SlotState(slot, None, None, None)), viewer)


def _worker(worker: workers.Seen, busy: list[workers.Busy], viewer: Viewer) -> WorkerView:
    row = worker.row
    runs = {b.slot: b for b in busy}
    names = [*row.slots, *sorted(runs.keys() - set(row.slots))] if worker.alive else sorted(runs)
    return WorkerView(
        name=row.name,
        host=row.host,
        engine=row.engine,
        alive=worker.alive,
        state="alive" if worker.alive else "stopped" if row.stopped_at_s is not None else "lost",
        job=worker.job_id if viewer.project in (None, worker.project) else None,
        slots=[WorkerSlot(slot=name, running=_use(runs.get(name), viewer)) for name in names],
        versions=row.versions,
        lease_ttl_s=row.lease_ttl_s,
        started_at=utc(row.started_at_s),
        last_seen_at=utc(row.seen_at_s),
        stopped_at=utc(row.stopped_at_s),
    )


def _slot(found: workers.SlotState, viewer: Viewer) -> SlotView:
    bad = found.quarantine
    return SlotView(
        slot=found.slot,
        worker=found.worker,
        state="busy" if found.busy else "quarantined" if bad else "free",
        running=_use(found.busy, viewer),
        quarantine=None
        if bad is None
        else QuarantineDetail(
            reason="losses", message=bad.message, losses=bad.losses, since=utc(bad.since_s), until=utc(bad.until_s)
        ),
    )


def _use(busy: workers.Busy | None, viewer: Viewer) -> SlotUse | None:
    if busy is None:
        return None
    is_seen = viewer.project in (None, busy.project)
    return SlotUse(
        job=busy.job_id if is_seen else None,
        trial=busy.trial if is_seen else None,
        attempt=busy.attempt if is_seen else None,
        since=utc(busy.started_at_s),
    )
