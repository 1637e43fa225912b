"""`sparseift pause`, `resume`, `stop`, `cancel`, `extend`, `prioritize`, `clone` and `logs`: what is asked of jobs."""

import json
from typing import Annotated, Any

import typer

from sparseift.cli import jobfile
from sparseift.cli.failures import UsageProblem
from sparseift.cli.jobs import resolve
from sparseift.cli.options import DEFAULT_API, Api, AsJson, JobId, examples, out
from sparseift.client import Client, Json

PAUSE_EXAMPLES = examples("sparseift pause last", "sparseift pause JOB --hand-back")
RESUME_EXAMPLES = examples("sparseift resume last")
STOP_EXAMPLES = examples("sparseift stop last", "sparseift stop JOB --now")
CANCEL_EXAMPLES = examples("sparseift cancel last", "sparseift cancel JOB")
EXTEND_EXAMPLES = examples(
    "sparseift extend last --by search_trials=16",
    "sparseift extend JOB --to device_hours=12 --to confirm_seeds=5",
)
PRIORITIZE_EXAMPLES = examples("sparseift prioritize JOB 10", "sparseift prioritize JOB -- -5")
CLONE_EXAMPLES = examples("sparseift clone last --set seed=1", "sparseift clone JOB --set budget.search_trials=48")
LOGS_EXAMPLES = examples("sparseift logs last 4", "sparseift logs JOB 4 --attempt 1", "sparseift logs JOB 4 --follow")


EXTENDABLE = (
    "search_trials", "confirm_seeds", "wall_time_s", "device_hours", "training_flops", "failures_allowed"
)  # fmt: skip


def pause(
    job: JobId,
    hand_back: Annotated[
        bool, typer.Option("--hand-back", help="Running trials save a checkpoint and wait, instead of finishing.")
    ] = False,
    api: Api = DEFAULT_API,
) -> None:
    """Pause a job: nothing new starts, and its slots are free for others."""
    with Client(api) as client:
        _tell(client.pause(resolve(client, job), "hand_back" if hand_back else "finish"))


def resume(job: JobId, api: Api = DEFAULT_API) -> None:
    """Resume a paused job where it was."""
    with Client(api) as client:
        _tell(client.resume(resolve(client, job)))


def stop(
    job: JobId,
    now: Annotated[
        bool, typer.Option("--now", help="End running search trials, instead of letting them finish.")
    ] = False,
    api: Api = DEFAULT_API,
) -> None:
    """End a search early: what is measured is kept, and the best of it is confirmed on fresh seeds."""
    with Client(api) as client:
        _tell(client.stop(resolve(client, job), "stop" if now else "finish"))


def cancel(job: JobId, api: Api = DEFAULT_API) -> None:
    """Cancel a job: nothing new starts, its running trials are ended; what is complete stays."""
    with Client(api) as client:
        _tell(client.cancel(resolve(client, job)))


def extend(
    job: JobId,
    by: Annotated[list[str] | None, typer.Option("--by", metavar="FIELD=N", help="So much more; repeatable.")] = None,
    to: Annotated[list[str] | None, typer.Option("--to", metavar="FIELD=N", help="A new total; repeatable.")] = None,
    api: Api = DEFAULT_API,
) -> None:
    """Extend a job's budget: it goes on as if it had been submitted so, even after it has ended."""
    if not by and not to:
        raise UsageProblem("Say what to extend: --by search_trials=16, or --to device_hours=12.")
    with Client(api) as client:
        job_id = resolve(client, job)
        totals = dict(_amount("--to", text) for text in to or ())
        if by:
            budget = client.job(job_id)["spec"]["budget"]
            for field, more in (_amount("--by", text) for text in by):
                if budget[field] is None:
                    raise UsageProblem(f"--by {field}={more:g}: this job's {field} is without a limit.")
                totals[field] = budget[field] + more
        _tell(client.extend(job_id, totals))


def prioritize(
    job: JobId,
    priority: Annotated[int, typer.Argument(metavar="PRIORITY", min=-100, max=100, help="Higher is taken first.")],
    api: Api = DEFAULT_API,
) -> None:
    """Move a job in the queue; 0 is where jobs begin, and of equals the older one goes first."""
    with Client(api) as client:
        found = client.prioritize(resolve(client, job), priority)
    out.print(f"{found['id']} is {found['state']} with priority {found['priority']}.", highlight=False)


def clone(
    job: JobId,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a field; repeatable.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Idempotency key: the same key gives the same job.")] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Submit a job again, with changes; prints the new job's id."""
    changes: Json = {}
    for setting in settings or ():
        jobfile.lay(changes, setting)
    with Client(api) as client:
        found = client.clone(resolve(client, job), changes, key)
    if as_json:
        out.print_json(json.dumps(found))
    else:
        out.print(found["id"], highlight=False)


def logs(
    job: JobId,
    number: Annotated[int, typer.Argument(metavar="TRIAL", min=0, help="The trial's number.")],
    attempt: Annotated[
        int | None, typer.Option("--attempt", min=1, help="Which attempt; without it, the newest.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the attempt has ended.")] = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show the output of a trial's attempt."""
    with Client(api) as client:
        for text in client.log(resolve(client, job), number, attempt=attempt, follow=follow):
            out.print(text, end="", highlight=False, markup=False, soft_wrap=True)


def _tell(job: Json) -> None:
    out.print(f"{job['id']} is {job['state']}. {job['message']}".rstrip(), highlight=False)


def _amount(option: str, text: str) -> tuple[str, Any]:
    field, _, number = text.partition("=")
    if field not in EXTENDABLE:
        raise UsageProblem(f"{option} {text}: there is no such field; the known ones are {', '.join(EXTENDABLE)}.")
    try:
        return field, int(number) if number.lstrip("+-").isdigit() else float(number)
    except ValueError:
        raise UsageProblem(f"{option} {text}: '{number}' is no number.") from None
