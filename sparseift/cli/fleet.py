"""`sparseift workers`, `slots` and `release`: who works, on what, and which places are out of use."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from sparseift.cli import figures
from sparseift.cli.connection import connect
from sparseift.cli.options import DEFAULT_API, Api, AsJson, examples, out, show_json
from sparseift.cli.tables import grid

WORKERS_EXAMPLES = examples("sparseift workers", "sparseift workers --json")
SLOTS_EXAMPLES = examples("sparseift slots", "sparseift slots --json")
RELEASE_EXAMPLES = examples("sparseift release desk/cuda:1")
STYLES = {"alive": "green", "busy": "cyan", "lost": "red", "quarantined": "red", "stopped": "bright_black"}

Json = Mapping[str, Any]


def workers(as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """List the workers: whether they live, on which engine, and which of their slots are busy."""
    with connect(api) as client:
        found = client.workers()
    if as_json:
        show_json(found)
    elif found:
        out.print(worker_table(found))
    else:
        out.print("No worker was seen lately; start one with `sparseift worker`.")


def slots(as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """List the places where trials run: what runs there, and which are in quarantine, with the reason."""
    with connect(api) as client:
        found = client.slots()
    if as_json:
        show_json(found)
    elif found:
        out.print(slot_table(found))
    else:
        out.print("No slot is known; start a worker with `sparseift worker`.")


def release(
    slot: Annotated[str, typer.Argument(metavar="SLOT", help="As `sparseift slots` names it.")],
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Let a slot out of quarantine, after a repair: what was lost there until now does not count any more."""
    with connect(api) as client:
        found = client.release_slot(slot)
    if as_json:
        show_json(found)
    else:
        out.print(f"{found['slot']} is {found['state']}.")


def worker_table(found: Iterable[Json]) -> Table:
    """A worker per row."""
    table = grid("worker", "state", "engine", "busy", "last seen", "job", folded="job")
    for worker in found:
        busy = sum(slot["running"] is not None for slot in worker["slots"])
        shown = f"{busy} of {len(worker['slots'])}" if worker["alive"] else "–"
        seen = datetime.now(UTC) - datetime.fromisoformat(worker["last_seen_at"])
        ago = f"{figures.duration(max(0.0, seen.total_seconds()))} ago"
        state = worker["state"]
        styled = Text(state, STYLES.get(state, ""))
        table.add_row(worker["name"], styled, worker["engine"], shown, ago, worker["job"] or "")
    return table


def slot_table(found: Iterable[Json]) -> Table:
    """A slot per row."""
    what = "what runs there, or why nothing does"
    table = grid("slot", "state", "worker", what, folded=what)
    for slot in found:
        what, use, bad = "", slot["running"], slot["quarantine"]
        if use is not None:
            what = (
                f"{use['job']} #{use['trial']}, attempt {use['attempt']}" if use["job"] else "another project's trial"
            )
        elif bad is not None:
            until = datetime.fromisoformat(bad["until"]).astimezone().strftime("%H:%M:%S")
            what = f"{bad['losses']} losses in a row, until {until}: {bad['message']}"
        state = slot["state"]
        table.add_row(slot["slot"], Text(state, STYLES.get(state, "")), slot["worker"] or "–", what)
    return table
