"""`sparseift status`, `list`, `trials` and `trial`: what is known of jobs."""

from typing import Annotated

import typer
from rich.text import Text

from sparseift.cli.connection import connect
from sparseift.cli.failures import UsageProblem
from sparseift.cli.figures import duration, state
from sparseift.cli.options import DEFAULT_API, Api, AsJson, JobId, TrialNumber, examples, out, show_json
from sparseift.cli.tables import counts_text, job_table, trial_table
from sparseift.cli.trial import attempt_table, report_table, trial_lines
from sparseift.client import Client, Json

ENDED = ("succeeded", "failed", "cancelled")
STATUS_EXAMPLES = examples("sparseift status last", "sparseift status JOB --json")
LIST_EXAMPLES = examples(
    "sparseift list",
    "sparseift list --state running --state queued",
    "sparseift list --label team=vision --sort updated --limit 0 --json",
)
TRIALS_EXAMPLES = examples(
    "sparseift trials last",
    "sparseift trials JOB --family sparse_wide --state complete --sort -value --limit 5",
)
TRIAL_EXAMPLES = examples("sparseift trial last 4", "sparseift trial JOB 4 --json")
SHOW_EXAMPLES = examples("sparseift show last")


def resolve(client: Client, job: str) -> str:
    """A job's id; `last` is the newest job.

    Raises:
        UsageProblem: `last`, and there is no job.
    """
    if job != "last":
        return job
    newest = next(client.jobs(limit=1), None)
    if newest is None:
        raise UsageProblem("There is no job yet; submit one with `sparseift submit FILE.yaml`.")
    return str(newest["id"])


def status(job: JobId = "last", as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Show a job: its state and why, its trials per state, the best so far, and the time left."""
    with connect(api) as client:
        found = client.job(resolve(client, job))
    if as_json:
        show_json(found)
        return
    out.print(f"{found['id']}  {found['name']}")
    out.print(state_text(found))
    out.print(f"Trials   {counts_text(found['trials'])}; {planned_text(found)}")
    if limits := _limits(found):
        out.print(f"Spent    {limits}")
    if found.get("waiting_for"):
        out.print(f"Waits    {found['waiting_for']}", style="yellow")
    for slot in found["quarantined"]:
        out.print(f"Slot     {slot['slot']} is quarantined: {slot['message']}", style="yellow")
    if found["eta_seconds"] is not None:
        out.print(f"Left     about {duration(found['eta_seconds'])}")
    if found["labels"]:
        shown = ", ".join(f"{key}={value}" for key, value in found["labels"].items())
        out.print(f"Labels   {shown}")
    out.print(answer_text(found))


def state_text(job: Json) -> Text:
    """The state and why, in the job's words or else by its reason."""
    why = job["message"] or job["reason"].replace("_", " ")
    return Text.assemble("State    ", state(job["state"]), f"  {why}".rstrip())


def answer_text(job: Json) -> str:
    """The answer in a sentence, which is one so far until the job has ended."""
    return f"{'Result' if job['state'] in ENDED else 'So far'}   {job['headline']}"


def _limits(job: Json) -> str:
    """What is used of the limits that the job has beside its trials."""
    budget, spent = job["spec"]["budget"], job["spent"]
    shown = {"wall_time_s": "s of wall time", "device_hours": "device-hours", "training_flops": "training FLOPs"}
    return ", ".join(
        f"{spent[name]:.3g} of {budget[name]:.3g} {unit}"
        for name, unit in shown.items()
        if budget.get(name) is not None
    )


def planned_text(job: Json) -> str:
    """How many trials there are to be, or were to be before the search was ended."""
    planned = job["planned_trials"]
    text, refused = f"{planned['total']} planned", planned["infeasible_points"]
    if closed := job["search_closed"].replace("_", " "):
        text = f"{planned['total']} were planned before the search was ended ({closed})"
    elif job["state"] in ENDED:
        text = f"{planned['total']} were planned"
    return text + (f", points refused as infeasible: {refused}" if refused else "")


def list_jobs(
    state_wanted: Annotated[
        list[str] | None, typer.Option("--state", help="Only jobs in this state; repeatable.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Only jobs with this in their name.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only jobs of this model.")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Only jobs on this data set.")] = None,
    family: Annotated[str | None, typer.Option("--family", help="Only jobs that search this family.")] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="Only jobs labelled so; repeatable.")
    ] = None,
    archived: Annotated[
        str, typer.Option("--archived", help="Archived jobs: false (leave out), true (them alone), any.")
    ] = "false",
    sort: Annotated[str, typer.Option("--sort", help="newest, oldest, priority or updated.")] = "newest",
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0 for all.")] = 20,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """List jobs, newest first; filters hold together."""
    wanted = [":".join(key_value(label)) for label in labels or ()]
    filters = {"name": name, "model": model, "dataset": dataset, "family": family, "label": wanted}
    with connect(api) as client:
        found = list(client.jobs(state_wanted, limit=limit or None, archived=archived, sort=sort, **filters))
    if as_json:
        show_json(found)
    elif found:
        out.print(job_table(found))
    else:
        is_filtered = state_wanted or wanted or any((name, model, dataset, family)) or archived == "true"
        out.print("No job is as you ask." if is_filtered else "No jobs.")


def key_value(label: str) -> tuple[str, str]:
    """A label's two parts.

    Raises:
        UsageProblem: it is not of the form key=value.
    """
    key, equals, value = label.partition("=")
    if not equals or not key:
        raise UsageProblem(f"--label {label} is not of the form key=value, for example team=vision.")
    return key, value


def trials(
    job: JobId = "last",
    state_wanted: Annotated[
        list[str] | None, typer.Option("--state", help="Only trials in this state; repeatable.")
    ] = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--kind", help="Only baseline, search, confirm or ladder; repeatable.")
    ] = None,
    family: Annotated[str | None, typer.Option("--family", help="Only trials of this family.")] = None,
    least: Annotated[float | None, typer.Option("--min-sparsity", help="A fraction, inclusive.")] = None,
    most: Annotated[float | None, typer.Option("--max-sparsity", help="A fraction, inclusive.")] = None,
    sort: Annotated[str, typer.Option("--sort", help="number, -number, value, -value or ended.")] = "number",
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0 for all.")] = 0,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """List a job's trials with their exact sizes, results and FLOPs."""
    filters = {"kind": kinds, "min_sparsity": least, "max_sparsity": most, "sort": sort}
    with connect(api) as client:
        job_id = resolve(client, job)
        found = list(client.trials(job_id, state=state_wanted, family=family, limit=limit or None, **filters))
        unit = client.job(job_id)["metric"]["unit"]
    if as_json:
        show_json(found)
    else:
        out.print(trial_table(found, unit))


def trial(
    job: JobId,
    number: TrialNumber,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show a trial: its configuration and sizes, its attempts with where they ran, and how its course went."""
    with connect(api) as client:
        job_id = resolve(client, job)
        found = client.trial(job_id, number)
        if as_json:
            show_json(found)
            return
        unit = client.job(job_id)["metric"]["unit"]
    for line in trial_lines(found, unit):
        out.print(line)
    out.print(attempt_table(found["attempts"]))
    if found["reports"]:
        out.print(report_table(found["reports"], unit))
