"""`sparseift submit` and `sparseift follow`: from a job file to its answer."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from sparseift.cli import jobfile
from sparseift.cli.answers import show_answer
from sparseift.cli.check import preset
from sparseift.cli.connection import connect
from sparseift.cli.failures import DETACHED, UsageProblem, job_exit_code, to_go_on
from sparseift.cli.follow import Follower
from sparseift.cli.jobs import key_value, resolve
from sparseift.cli.options import DEFAULT_API, Api, AsJson, JobId, err, examples, out, show_json, show_json_line
from sparseift.cli.tables import plan_notes, plan_table
from sparseift.client import ApiError, Client, Json

SUBMIT_EXAMPLES = examples(
    "sparseift submit job.yaml --follow",
    "sparseift submit job.yaml --dry-run",
    "sparseift submit job.yaml --set budget.search_trials=8 --set 'space.sparsities=[0.5, 0.75]'",
    "sparseift submit --preset cifar100-resnet18 --label team=vision",
    "sparseift submit job.yaml --key nightly-2026-05-01",
)
FOLLOW_EXAMPLES = examples("sparseift follow last", "sparseift follow JOB --json | jq .kind")


def submit(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The job file, YAML or JSON.")] = None,
    preset_name: Annotated[
        str | None, typer.Option("--preset", metavar="NAME", help="A packaged file of `sparseift presets` instead.")
    ] = None,
    follow_it: Annotated[bool, typer.Option("--follow", help="Watch until it ends, then show the answer.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show sizes and FLOPs; store nothing.")] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a field, after the file; repeatable.")
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="A word to find the job by; repeatable.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Idempotency key: the same key gives the same job.")] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Submit a search from a job file.

    Prints the job's id. With --follow, ends with code 4 when the job fails, 5 when it is cancelled, and 130 on Ctrl-C,
    which only stops the watching: the job goes on. With --follow and --json, prints what `follow --json` does.
    """
    if dry_run and (follow_it or key is not None):
        raise UsageProblem("--dry-run stores no job, so there is none for --follow or --key; leave it or them out.")
    if (file is None) == (preset_name is None):
        raise UsageProblem("Name a job file, or a preset with --preset; `sparseift init` writes a file to start from.")
    document = jobfile.read(file or preset(str(preset_name)), tuple(settings or ()))
    put_labels(document.document, labels or ())
    with connect(api) as client:
        try:
            answer = client.dry_run(document.document) if dry_run else client.submit(document.document, key)
        except ApiError as error:
            words = [str(file)] if file else ["--preset", str(preset_name)]
            words += [word for setting in settings or () for word in ("--set", setting)]
            words += [word for label in labels or () for word in ("--label", label)]
            raise to_go_on(document.placed(error), api, "submit", *words) from error
        if follow_it:
            (err if as_json else out).print(f"Submitted {answer['id']} ({answer['name']}).")
            (stream_to_the_end if as_json else follow_to_the_end)(client, answer["id"])
        elif as_json:
            show_json(answer)
        elif dry_run:
            show_plan(answer)
        else:
            out.print(answer["id"])


def put_labels(document: Json, labels: Iterable[str]) -> None:
    """Lays `key=value` labels over those of the file; errors as `key_value`."""
    for label in labels:
        document["labels"] = {**document.get("labels", {}), **dict([key_value(label)])}


def follow(job: JobId = "last", as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Watch a job until it ends, then show its answer; Ctrl-C stops the watching, not the job.

    With --json, a line of JSON for each event, from the first one on, and the job as the last line.
    """
    with connect(api) as client:
        job_id = resolve(client, job)
        if as_json:
            stream_to_the_end(client, job_id)
        else:
            follow_to_the_end(client, job_id)


def stream_to_the_end(client: Client, job_id: str) -> None:
    """Prints the events as they happen, over reconnections, and leaves with the job's exit code."""
    try:
        for event in client.follow(job_id):
            show_json_line(event)
    except KeyboardInterrupt:
        raise typer.Exit(DETACHED) from None
    job = client.job(job_id)
    show_json_line(job)
    if code := job_exit_code(job["state"]):
        raise typer.Exit(code)


def follow_to_the_end(client: Client, job_id: str) -> None:
    """Follows, shows the answer, and leaves with the job's exit code."""
    try:
        job = Follower(client, job_id, out).run()
    except KeyboardInterrupt:
        err.print(
            f"Detached; {job_id} goes on. Watch it: sparseift follow {job_id}; end it: sparseift cancel {job_id}.",
        )
        raise typer.Exit(DETACHED) from None
    show_answer(client.curve(job_id), out)
    if job["state"] != "succeeded":
        err.print(f"{job_id} is {job['state']}: {job['message']}", style="red")
        raise typer.Exit(job_exit_code(job["state"]))


def show_plan(answer: Json) -> None:
    """A dry run's answer."""
    out.print(plan_table(answer["plan"]))
    for line in plan_notes(answer):
        out.print(line)
