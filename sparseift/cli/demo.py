"""`sparseift demo`: the whole path on this machine, from nothing to a curve."""

import os
import shlex
import sys
from contextlib import suppress
from importlib.resources import files
from itertools import count
from pathlib import Path
from shutil import which
from typing import Annotated

import typer

from sparseift import catalog
from sparseift.cli import jobfile
from sparseift.cli.answers import save_curve, show_answer
from sparseift.cli.data import prepare
from sparseift.cli.failures import UsageProblem, job_exit_code
from sparseift.cli.folders import Folders
from sparseift.cli.follow import Follower
from sparseift.cli.options import DEFAULT_DATA, Data, console, err, examples, out
from sparseift.cli.placing import Placing
from sparseift.cli.ports import free_port
from sparseift.cli.signals import interruptible
from sparseift.cli.stack import Stack
from sparseift.client import ApiError, Client, Json
from sparseift.records import digest

DEMO_EXAMPLES = examples("sparseift demo", "sparseift demo --data /tmp/sparseift --output /tmp/curves --no-serve")

JOB = Path(str(files("sparseift.cli") / "demo.yaml"))


def demo(
    data: Data = DEFAULT_DATA,
    output: Annotated[Path, typer.Option("--output", help="Folder of the saved curve.")] = Path("demo-output"),
    job: Annotated[Path | None, typer.Option("--job", help="Another job file in place of the demo's.")] = None,
    serve_on: Annotated[
        bool | None,
        typer.Option("--serve/--no-serve", help="Go on serving the results; without it, only on a terminal."),
    ] = None,
) -> None:
    """Search all four families on real text, print the best of each, and save the curve.

    Starts API, worker and notebooks on free ports around the data folder, prepares the data, submits the demo's job
    and follows it. Ctrl-C ends it; what was trained stays in the data folder, and the same command goes on with it.
    """
    document = jobfile.read(job or JOB)
    _make(output)
    folders = Folders(data)
    folders.create()
    # Two free ports taken one after the other differ, since the first is still known to the kernel as just used.
    stack = Stack(folders, folders.database, free_port(), free_port(), Placing(), say=err.print)
    with interruptible(), suppress(KeyboardInterrupt):
        _prepare(document, folders)
        with stack, Client(stack.api) as client:
            found = submitted(client, document)
            job_id = str(found["id"])
            out.print(f"{_begun(found)} ({stack.api}; logs are in {folders.logs}).", soft_wrap=True)
            ended = Follower(client, job_id, out, look_after=stack.watch).run()
            answer = client.curve(job_id)
            show_answer(answer, out)
            if ended["state"] != "succeeded":
                err.print(f"The job is {ended['state']}: {ended['message']}", style="red")
                raise typer.Exit(job_exit_code(ended["state"]))
            for name in ("curve.html", "curve.png"):
                save_curve(client, job_id, output / name, "html" if name.endswith("html") else "png")
                out.print(f"Saved {output / name}", soft_wrap=True)
            with (output / "answer.txt").open("w", encoding="utf-8") as file:
                show_answer(answer, console(file=file, width=80))
            if out.is_terminal if serve_on is None else serve_on:
                out.print(f"Notebook  {stack.notebooks}/?job={job_id}   (Ctrl-C ends)")
                stack.watch_for_ever()
        program = "sparseift" if which("sparseift") else sys.argv[0]  # `make` calls it by its path in .venv
        command = shlex.join([program, "serve", "--data", str(data)])
        out.print(f"Serve the results again: {command}", soft_wrap=True)
        out.print(f"Notebook then: http://127.0.0.1:8001/?job={job_id}", soft_wrap=True)
        return
    out.print("Stopped; what was trained is in the data folder.")


def submitted(client: Client, document: jobfile.JobFile) -> Json:
    """The job of this document: the one that an earlier run began, unless that one is past saving.

    Raises:
        ApiError: the service's refusal, with the file's line.
    """
    name = digest(document.document)
    for number in count():
        try:
            job = client.submit(document.document, f"demo-{name}-{number}")
        except ApiError as error:
            if error.code == "idempotency-conflict":  # an earlier version filled the same document in otherwise
                continue
            raise document.placed(error) from error
        if job["state"] not in ("failed", "cancelled", "stopping"):
            return job
    raise AssertionError("numbers do not end")


def _begun(job: Json) -> str:
    if job["state"] == "succeeded":
        return f"An earlier run has finished {job['id']}, which is shown again"
    if job["state"] == "queued":
        return f"Submitted {job['id']}"
    return f"An earlier run began {job['id']}, which goes on"


def _make(output: Path) -> None:
    """The folder of what is saved, before hours are spent on it.

    Raises:
        UsageProblem: it cannot be made or written.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageProblem(f"The output folder {output} cannot be made: {error.strerror}.") from error
    if not os.access(output, os.W_OK | os.X_OK):
        raise UsageProblem(f"The output folder {output} cannot be written.")


def _prepare(document: jobfile.JobFile, folders: Folders) -> None:
    named = document.document["dataset"]
    prepare(catalog.get("dataset", str(named.get("name"))), folders, named.get("arguments", {}))
