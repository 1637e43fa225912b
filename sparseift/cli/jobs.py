"""`sparseift status`, `list` and `trials`: what is known of jobs."""

import json
from itertools import islice
from typing import Annotated

import typer

from sparseift.cli.failures import UsageProblem
from sparseift.cli.figures import duration, state
from sparseift.cli.options import DEFAULT_API, Api, AsJson, JobId, examples, out
from sparseift.cli.tables import counts_text, job_table, trial_table
from sparseift.client import Client, Json

STATUS_EXAMPLES = examples("sparseift status last", "sparseift status JOB --json")
LIST_EXAMPLES = examples("sparseift list", "sparseift list --state running", "sparseift list --limit 0 --json")
TRIALS_EXAMPLES = examples("sparseift trials last", "sparseift trials JOB --family sparse_wide --state complete")


def resolve(client: Client, job: str) -> str:
    """A job's id; `last` is the newest job.

    Raises:
        UsageProblem: `last`, and there is no job.
    """
    if job != "last":
        return job
    newest = next(client.jobs(), None)
    if newest is None:
        raise UsageProblem("There is no job yet; submit one with `sparseift submit FILE.yaml`.")
    return str(newest["id"])


def status(job: JobId = "last", as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Show a job: its state and why, its trials per state, the best so far, and the time left."""
    with Client(api) as client:
        found = client.job(resolve(client, job))
    if as_json:
        out.print_json(json.dumps(found))
        return
    out.print(f"{found['id']}  {found['name']}", highlight=False)
    out.print(f"State    {state(found['state'])}  {found['message']}".rstrip(), highlight=False)
    out.print(f"Trials   {counts_text(found['trials'])}; {_planned(found)}", highlight=False)
    if limits := _limits(found):
        out.print(f"Spent    {limits}", highlight=False)
    for slot in found["quarantined"]:
        out.print(f"Slot     {slot['slot']} is quarantined: {slot['message']}", highlight=False, style="yellow")
    if found["eta_seconds"] is not None:
        out.print(f"Left     about {duration(found['eta_seconds'])}", highlight=False)
    out.print(f"So far   {found['headline']}", highlight=False)


def _limits(job: Json) -> str:
    """What is used of the limits that the job has beside its trials."""
    budget, spent = job["spec"]["budget"], job["spent"]
    shown = {"wall_time_s": "s of wall time", "device_hours": "device-hours", "training_flops": "training FLOPs"}
    return ", ".join(
        f"{spent[name]:.3g} of {budget[name]:.3g} {unit}"
        for name, unit in shown.items()
        if budget.get(name) is not None
    )


def _planned(job: Json) -> str:
    planned = job["planned_trials"]
    refused = planned["infeasible_points"]
    return f"{planned['total']} planned" + (f", points refused as infeasible: {refused}" if refused else "")


def list_jobs(
    state_wanted: Annotated[str | None, typer.Option("--state", help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0 for all.")] = 20,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """List jobs, newest first."""
    with Client(api) as client:
        found = list(islice(client.jobs(state_wanted), limit or None))
    if as_json:
        out.print_json(json.dumps(found))
    elif found:
        out.print(job_table(found))
    else:
        out.print("No jobs." if state_wanted is None else f"No jobs are {state_wanted}.")


def trials(
    job: JobId = "last",
    state_wanted: Annotated[str | None, typer.Option("--state", help="Only trials in this state.")] = None,
    family: Annotated[str | None, typer.Option("--family", help="Only trials of this family.")] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """List a job's trials with their exact sizes, results and FLOPs."""
    with Client(api) as client:
        job_id = resolve(client, job)
        found = list(client.trials(job_id, state=state_wanted, family=family))
        unit = client.job(job_id)["metric"]["unit"]
    if as_json:
        out.print_json(json.dumps(found))
    else:
        out.print(trial_table(found, unit))
