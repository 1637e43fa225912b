"""`sparseift pause`, `resume`, `stop`, `cancel`, `extend`, `prioritize`, `clone` and `logs`: what is asked of jobs."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from sparseift.cli import jobfile
from sparseift.cli.connection import connect
from sparseift.cli.failures import UsageProblem, to_go_on
from sparseift.cli.jobs import resolve
from sparseift.cli.options import DEFAULT_API, Api, AsJson, JobId, Jobs, examples, out, show_json, show_json_line
from sparseift.cli.submit import show_plan
from sparseift.client import ApiError, Client, Json

PAUSE_EXAMPLES = examples("sparseift pause last", "sparseift pause JOB --hand-back")
RESUME_EXAMPLES = examples("sparseift resume last")
STOP_EXAMPLES = examples("sparseift stop last", "sparseift stop JOB --now")
CANCEL_EXAMPLES = examples("sparseift cancel last", "sparseift cancel JOB OTHER_JOB")
EXTEND_EXAMPLES = examples(
    "sparseift extend last --by search_trials=16",
    "sparseift extend JOB --to device_hours=12 --to confirm_seeds=5",
)
PRIORITIZE_EXAMPLES = examples("sparseift prioritize JOB 10", "sparseift prioritize JOB -- -5")
CLONE_EXAMPLES = examples(
    "sparseift clone last --set seed=1", "sparseift clone JOB --set budget.search_trials=48 --dry-run"
)
LOGS_EXAMPLES = examples("sparseift logs last 4", "sparseift logs JOB 4 --attempt 1", "sparseift logs JOB 4 -f")


EXTENDABLE = (
    "search_trials", "confirm_seeds", "wall_time_s", "device_hours", "training_flops", "failures_allowed"
)  # fmt: skip


def pause(
    jobs: Jobs,
    hand_back: Annotated[
        bool, typer.Option("--hand-back", help="Running trials save a checkpoint and wait, instead of finishing.")
    ] = False,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Pause jobs: nothing new starts. A slot is free for others once its trial has finished; with --hand-back, as soon
    as it has saved a checkpoint.
    """
    each(api, jobs, as_json, lambda client, job: client.pause(job, "hand_back" if hand_back else "finish"))


def resume(jobs: Jobs, as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Resume paused jobs where they were."""
    each(api, jobs, as_json, Client.resume)


def stop(
    jobs: Jobs,
    now: Annotated[
        bool, typer.Option("--now", help="End running search trials, instead of letting them finish.")
    ] = False,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """End searches early: what is measured is kept, and the best of it is confirmed on fresh seeds."""
    each(api, jobs, as_json, lambda client, job: client.stop(job, "stop" if now else "finish"))


def cancel(jobs: Jobs, as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Cancel jobs: nothing new starts, running trials are ended; what is complete stays."""
    each(api, jobs, as_json, Client.cancel)


def extend(
    job: JobId,
    by: Annotated[list[str] | None, typer.Option("--by", metavar="FIELD=N", help="So much more; repeatable.")] = None,
    to: Annotated[list[str] | None, typer.Option("--to", metavar="FIELD=N", help="A new total; repeatable.")] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Extend a job's budget: it goes on as if it had been submitted so, even after it has ended."""
    if not by and not to:
        raise UsageProblem("Say what to extend: --by search_trials=16, or --to device_hours=12.")
    with connect(api) as client:
        job_id = resolve(client, job)
        totals = dict(_amount("--to", text) for text in to or ())
        if by:
            budget = client.job(job_id)["spec"]["budget"]
            for field, more in (_amount("--by", text) for text in by):
                if budget[field] is None:
                    raise UsageProblem(f"--by {field}={more:g}: this job's {field} is without a limit.")
                totals[field] = budget[field] + more
        tell(client.extend(job_id, totals), as_json)


def prioritize(
    job: JobId,
    priority: Annotated[int, typer.Argument(metavar="PRIORITY", min=-100, max=100, help="Higher is taken first.")],
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Move a job in the queue; 0 is where jobs begin, and of equals the older one goes first."""
    with connect(api) as client:
        found = client.prioritize(resolve(client, job), priority)
    if as_json:
        show_json(found)
        return
    out.print(f"{found['id']} is {found['state']} with priority {found['priority']}.")


def clone(
    job: JobId,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a field; repeatable.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show sizes and FLOPs; store nothing.")] = False,
    key: Annotated[str | None, typer.Option("--key", help="Idempotency key: the same key gives the same job.")] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Submit a job again, with changes; prints the new job's id."""
    if dry_run and key is not None:
        raise UsageProblem("--dry-run stores no job, so there is none for --key; leave one of them out.")
    changes: Json = {}
    for setting in settings or ():
        jobfile.lay(changes, setting)
    with connect(api) as client:
        job_id = resolve(client, job)
        try:
            found = client.dry_run_clone(job_id, changes) if dry_run else client.clone(job_id, changes, key)
        except ApiError as error:
            words = [word for setting in settings or () for word in ("--set", setting)]
            raise to_go_on(error, api, "clone", job_id, *words) from error
    if as_json:
        show_json(found)
    elif dry_run:
        show_plan(found)
    else:
        out.print(found["id"])


def logs(
    job: JobId,
    number: Annotated[int, typer.Argument(metavar="TRIAL", min=0, help="The trial's number.")],
    attempt: Annotated[
        int | None, typer.Option("--attempt", min=1, help="Which attempt; without it, the newest.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the attempt has ended.")] = False,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Show the output of a trial's attempt; with --json, a line of JSON for each piece of it."""
    with connect(api) as client:
        job_id = resolve(client, job)
        for text in client.log(job_id, number, attempt=attempt, follow=follow):
            if as_json:
                show_json_line({"job": job_id, "trial": number, "text": text})
            else:
                out.print(text, end="", soft_wrap=True)


def each(api: str, jobs: Iterable[str], as_json: bool, ask: Callable[[Client, str], Json]) -> None:
    """Asks the same of several jobs, one after the other; the first refusal ends it."""
    with connect(api) as client:
        for job_id in [resolve(client, job) for job in jobs]:
            tell(ask(client, job_id), as_json)


def tell(job: Json, as_json: bool = False) -> None:
    """The job's state after a verb."""
    if as_json:
        show_json(job)
    else:
        out.print(f"{job['id']} is {job['state']}. {job['message']}".rstrip())


def _amount(option: str, text: str) -> tuple[str, Any]:
    field, _, number = text.partition("=")
    if field not in EXTENDABLE:
        raise UsageProblem(f"{option} {text}: there is no such field; the known ones are {', '.join(EXTENDABLE)}.")
    try:
        return field, int(number) if number.lstrip("+-").isdigit() else float(number)
    except ValueError:
        raise UsageProblem(f"{option} {text}: '{number}' is no number.") from None
