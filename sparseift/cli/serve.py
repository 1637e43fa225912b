"""`sparseift serve` and `sparseift worker`: the programs, on this machine."""

import os
from contextlib import ExitStack, suppress
from typing import Annotated

import typer

from sparseift.cli import programs
from sparseift.cli.folders import Folders
from sparseift.cli.options import DEFAULT_DATA, Data, Database, err, examples, out, working
from sparseift.cli.signals import interruptible
from sparseift.cli.stack import Stack, default_slots

SLOTS_HELP = "Trials trained at once; without it, one per CPU."
Slots = Annotated[int | None, typer.Option("--slots", min=0, help=SLOTS_HELP)]
SomeSlots = Annotated[int | None, typer.Option("--slots", min=1, help=SLOTS_HELP)]
Threads = Annotated[
    int | None, typer.Option("--threads-per-slot", min=1, help="CPU threads of one trial; without it, CPUs over slots.")
]
AttemptLimit = Annotated[
    float | None,
    typer.Option("--attempt-limit-s", min=0.1, help="Seconds that one attempt may run; without it, any time."),
]

SERVE_EXAMPLES = examples(
    "sparseift serve",
    "sparseift serve --data /data/sparseift --slots 4 --threads-per-slot 2",
    "sparseift serve --database postgresql+psycopg://me@localhost/sparseift --slots 0",
)
WORKER_EXAMPLES = examples(
    "sparseift worker --slots 2",
    "sparseift worker --database postgresql+psycopg://me@dbhost/sparseift --data /shared/sparseift",
)


def serve(
    data: Data = DEFAULT_DATA,
    database: Database = None,
    port: Annotated[int, typer.Option("--port", help="Port of the API.")] = 8000,
    notebooks_port: Annotated[int, typer.Option("--notebooks-port", help="Port of the notebooks.")] = 8001,
    slots: Slots = None,
    threads_per_slot: Threads = None,
    attempt_limit_s: AttemptLimit = None,
) -> None:
    """Start everything on this machine: API, a worker and the notebooks; Ctrl-C ends all of it.

    The database is made or brought to this version first. Running trials are not lost by an end: the next `serve`
    goes on from their last checkpoints. `--slots 0` starts no worker.
    """
    folders = Folders(data)
    stack = Stack(
        folders,
        database or folders.database,
        port,
        notebooks_port,
        default_slots() if slots is None else slots,
        threads_per_slot,
        say=lambda sentence: err.print(sentence, style="yellow", highlight=False),
        attempt_limit_s=attempt_limit_s,
    )
    with interruptible(), suppress(KeyboardInterrupt), ExitStack() as running:
        with working("Starting…"):
            running.enter_context(stack)
        out.print(f"API        {stack.api}/openapi.json", highlight=False)
        out.print(f"Notebooks  {stack.notebooks}", highlight=False)
        out.print(f"Logs       {folders.logs}", highlight=False, soft_wrap=True)
        out.print("Ctrl-C ends all of it; the searches go on at the next `sparseift serve`.", highlight=False)
        stack.watch_for_ever()
    out.print("Stopped.")


def worker(
    data: Data = DEFAULT_DATA,
    database: Database = None,
    slots: SomeSlots = None,
    threads_per_slot: Threads = None,
    lease_ttl_s: Annotated[float, typer.Option("--lease-ttl-s", min=1, help="Seconds a lease lasts.")] = 60.0,
    attempt_limit_s: AttemptLimit = None,
) -> None:
    """Start one more worker, in the foreground: it becomes `python -m worker`.

    Workers on one PostgreSQL share the jobs; give all of them the same data folder, so that a trial can go on
    elsewhere from its checkpoint.
    """
    folders = Folders(data)
    folders.create()
    line = programs.command(
        "worker",
        *("--artifacts", str(folders.artifacts)),
        *("--data", str(folders.datasets)),
        *("--slots", str(default_slots() if slots is None else slots)),
        *(("--threads-per-slot", str(threads_per_slot)) if threads_per_slot else ()),
        *("--lease-ttl-s", str(lease_ttl_s)),
        *(("--attempt-limit-s", str(attempt_limit_s)) if attempt_limit_s else ()),
    )
    os.execve(line[0], line, programs.environment(database or folders.database))
