"""`sparseift label`, `archive`, `unarchive` and `delete`: what is kept of jobs, and under which names."""

from typing import Annotated

import typer

from sparseift.cli.connection import connect
from sparseift.cli.failures import UsageProblem
from sparseift.cli.jobs import resolve
from sparseift.cli.options import DEFAULT_API, Api, AsJson, JobId, Jobs, examples, out, show_json
from sparseift.cli.verbs import each
from sparseift.client import Client

LABEL_EXAMPLES = examples(
    "sparseift label last team=vision stage=final", "sparseift label JOB stage- --name 'ResNet, second try'"
)
ARCHIVE_EXAMPLES = examples("sparseift archive JOB OTHER_JOB")
UNARCHIVE_EXAMPLES = examples("sparseift unarchive JOB")
DELETE_EXAMPLES = examples("sparseift delete JOB", "sparseift delete JOB OTHER_JOB --yes")


def label(
    job: JobId,
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE | KEY-]...", help="Labels to put on, or to take off.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Another name for the job.")] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Label a job, or give it another name; the job itself goes on as it was."""
    labels = dict(_change(text) for text in changes or ())
    if not labels and name is None:
        raise UsageProblem("Say what to change: KEY=VALUE puts a label on, KEY- takes it off, --name renames.")
    with connect(api) as client:
        patch = ({"labels": labels} if labels else {}) | ({"name": name} if name is not None else {})
        found = client.label(resolve(client, job), patch)
    if as_json:
        show_json(found)
        return
    shown = ", ".join(f"{key}={value}" for key, value in found["labels"].items()) or "no labels"
    out.print(f"{found['id']} ({found['name']}): {shown}")


def _change(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    if equals and key:
        return key, value
    if not equals and text.endswith("-") and text != "-":
        return text[:-1], None
    raise UsageProblem(f"{text} is no label; KEY=VALUE puts one on, KEY- takes one off.")


def archive(jobs: Jobs, as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Archive ended jobs: lists leave them out, and nothing of them is deleted."""
    each(api, jobs, as_json, Client.archive)


def unarchive(jobs: Jobs, as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Bring archived jobs back into the lists."""
    each(api, jobs, as_json, Client.unarchive)


def delete(
    jobs: Jobs,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Delete ended jobs with their trials, reports and files, for ever. Asks first."""
    with connect(api) as client:
        found = [client.job(resolve(client, job)) for job in jobs]
        for job in found:
            trials = sum(job["trials"].values())
            question = f"Delete {job['id']} ({job['name']}, {job['state']}, {trials} trials) for ever?"
            is_deleted = yes or typer.confirm(question, err=as_json)
            if is_deleted:
                client.delete(job["id"])
            if as_json:
                show_json({"id": job["id"], "deleted": is_deleted})
            else:
                out.print(f"{job['id']} is {'deleted' if is_deleted else 'kept'}.")
