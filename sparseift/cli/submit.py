"""`sparseift submit` and `sparseift follow`: from a job file to its answer."""

import json
from pathlib import Path
from typing import Annotated

import typer

from sparseift.cli import jobfile
from sparseift.cli.answers import show_answer
from sparseift.cli.failures import DETACHED, FAILED
from sparseift.cli.follow import Follower
from sparseift.cli.jobs import resolve
from sparseift.cli.options import DEFAULT_API, Api, AsJson, JobId, err, examples, out
from sparseift.cli.tables import plan_table
from sparseift.client import ApiError, Client, Json

SUBMIT_EXAMPLES = examples(
    "sparseift submit job.yaml --follow",
    "sparseift submit job.yaml --dry-run",
    "sparseift submit job.yaml --set budget.search_trials=8 --set 'space.sparsities=[0.5, 0.75]'",
    "sparseift submit job.yaml --key nightly-2026-05-01",
)
FOLLOW_EXAMPLES = examples("sparseift follow last", "sparseift follow JOB")


def submit(
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The job file.")],
    follow_it: Annotated[bool, typer.Option("--follow", help="Watch until it ends, then show the answer.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show sizes and FLOPs; store nothing.")] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a field, after the file; repeatable.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Idempotency key: the same key gives the same job.")] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Submit a search from a YAML file.

    Prints the job's id. With --follow, ends with code 1 when the job fails and 130 on Ctrl-C, which only stops the
    watching: the job goes on.
    """
    document = jobfile.read(file, tuple(settings or ()))
    with Client(api) as client:
        try:
            answer = client.dry_run(document.document) if dry_run else client.submit(document.document, key)
        except ApiError as error:
            raise document.placed(error) from error
        if as_json:
            out.print_json(json.dumps(answer))
        elif dry_run:
            _show_plan(answer)
        elif follow_it:
            out.print(f"Submitted {answer['id']} ({answer['name']}).", highlight=False)
        else:
            out.print(answer["id"], highlight=False)
        if follow_it and not dry_run:
            follow_to_the_end(client, answer["id"])


def follow(job: JobId = "last", api: Api = DEFAULT_API) -> None:
    """Watch a job until it ends, then show its answer; Ctrl-C stops the watching, not the job."""
    with Client(api) as client:
        follow_to_the_end(client, resolve(client, job))


def follow_to_the_end(client: Client, job_id: str) -> None:
    """Follows, shows the answer, and leaves with the job's exit code."""
    try:
        job = Follower(client, job_id, out).run()
    except KeyboardInterrupt:
        err.print(
            f"Detached; {job_id} goes on. Watch it: sparseift follow {job_id}; end it: sparseift cancel {job_id}.",
            highlight=False,
        )
        raise typer.Exit(DETACHED) from None
    show_answer(client.curve(job_id), out)
    if job["state"] != "succeeded":
        err.print(f"{job_id} is {job['state']}: {job['message']}", style="red", highlight=False)
        raise typer.Exit(FAILED)


def _show_plan(answer: Json) -> None:
    planned = answer["planned_trials"]
    out.print(plan_table(answer["plan"]))
    out.print(
        f"{planned['total']} trials: {planned['baseline']} dense, {planned['search']} in the search, "
        f"{planned['confirm']} confirmations"
        + (f", {planned['ladder']} of larger dense models" if planned.get("ladder") else "")
        + "; nothing was stored.",
        highlight=False,
    )
