"""`sparseift export` and `sparseift download`: a job's rows, and a winner's files, to take away."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from sparseift.cli.connection import connect
from sparseift.cli.failures import UsageProblem
from sparseift.cli.jobs import resolve
from sparseift.cli.options import DEFAULT_API, Api, AsJson, JobId, examples, out, show_json
from sparseift.client import ApiError, Client, Json, is_away
from sparseift.errors import SparseIFTError

EXPORT_EXAMPLES = examples(
    "sparseift export last > trials.csv",
    "sparseift export JOB --what reports --output reports.parquet",
)
DOWNLOAD_EXAMPLES = examples(
    "sparseift download last",
    "sparseift download JOB --best sparse_wide --output winner",
    "sparseift download JOB 17",
)

FORMATS = {".csv": "csv", ".parquet": "parquet"}
TRIES = 5  # of one file, each going on from where the last broke off
NEEDED = ("tensors", "state")  # kinds of a checkpoint's files


def export(
    job: JobId = "last",
    what: Annotated[
        str, typer.Option("--what", help="trials, or reports: every measurement of every trial.")
    ] = "trials",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .csv or .parquet file; without it, CSV on stdout.")
    ] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Export all trials of a job, or all their reports, as CSV or Parquet; a stream, however many there are.

    With --json, which needs --output, says what was saved.
    """
    if as_json and output is None:
        raise UsageProblem("--json says what was saved; name the file with --output.")
    if what not in ("trials", "reports"):
        raise UsageProblem(f"--what is {what}; it must be trials or reports.")
    if output is not None and output.suffix not in FORMATS:
        raise UsageProblem(f"{output} has no known suffix; rows are exported as {' or '.join(FORMATS)}.")
    form = "csv" if output is None else FORMATS[output.suffix]
    with connect(api) as client:
        job_id = resolve(client, job)
        pieces = client.export(job_id, what, form)  # type: ignore[arg-type]  # checked above
        if output is None:
            _to_stdout(pieces)
            return
        partial = output.with_name(f".{output.name}.partial")
        try:
            with partial.open("wb") as file:
                size = _written(pieces, file)
            partial.replace(output)
        except OSError as error:
            raise UsageProblem(f"{output} cannot be written: {error.strerror}.") from error
        finally:
            partial.unlink(missing_ok=True)
    if as_json:
        show_json({"job": job_id, "files": [str(output)]})
    else:
        out.print(f"Saved {output} ({size:,} bytes)", soft_wrap=True)


def _to_stdout(pieces: Iterator[bytes]) -> None:
    try:
        _written(pieces, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _written(pieces: Iterator[bytes], file: BinaryIO) -> int:
    return sum(file.write(piece) for piece in pieces)


def download(
    job: JobId = "last",
    number: Annotated[int | None, typer.Argument(metavar="TRIAL", min=0, help="A trial's number.")] = None,
    family: Annotated[
        str | None, typer.Option("--best", metavar="FAMILY", help="The best configuration of this family.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A folder; by default JOB-TRIAL.")] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Download a trial's newest checkpoint with a card of its configuration; by default the job's best trial.

    A download that broke off goes on where it stopped when the command is said again; sizes and SHA-256 are checked.
    """
    if number is not None and family is not None:
        raise UsageProblem("Name a trial or a family with --best, not both.")
    with connect(api) as client:
        job_id = resolve(client, job)
        chosen = best_trial(client, job_id, family) if number is None else number
        files = newest_checkpoint(client.artifacts(job_id, chosen))
        if not files:
            raise SparseIFTError(f"Trial {chosen} of {job_id} keeps no checkpoint; its losers' are deleted.")
        folder = output or Path(f"{job_id}-{chosen}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            paths = [_fetched(client, job_id, chosen, file, folder) for file in files]
            paths.append(folder / "card.json")
            paths[-1].write_text(json.dumps(card(client, job_id, chosen, files), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise UsageProblem(f"{folder} cannot be written: {error.strerror}.") from error
    if as_json:
        show_json({"trial": chosen, "files": [str(path) for path in paths]})
        return
    for path in paths:
        out.print(f"Saved {path} ({path.stat().st_size:,} bytes)", soft_wrap=True)


def best_trial(client: Client, job_id: str, family: str | None) -> int:
    """The number of the trial to take: of the best configuration, a run on a confirmation seed where there is one,
    and of those the best on validation.

    Raises:
        UsageProblem: the family has no answer yet.
    """
    found = client.best(job_id)
    answers = {answer["family"]: answer for answer in found["best"]}
    if family is not None and family not in answers:
        raise UsageProblem(f"{job_id} has no best of '{family}' yet; it has {', '.join(answers) or 'none'}.")
    if not answers:
        raise UsageProblem(f"{job_id} has no complete sparse trial yet.")
    point = answers[family or next(iter(answers))]["point"]
    alike = [
        trial
        for trial in client.trials(job_id, state="complete", family=point["family"])
        if trial["configuration_key"] == point["configuration_key"] and trial["value"] is not None
    ]
    sign = 1.0 if found["metric"]["direction"] == "maximize" else -1.0
    return int(max(alike, key=lambda t: (t["kind"] == "confirm", sign * t["value"]))["number"])


def newest_checkpoint(files: list[Json]) -> list[Json]:
    """The files of the checkpoint with the most steps, of the latest attempt that has one."""
    saved = [file for file in files if file["kind"] in NEEDED]
    last = max(((file["step"], file["attempt"]) for file in saved), default=None)
    return [file for file in saved if (file["step"], file["attempt"]) == last]


def card(client: Client, job_id: str, number: int, files: list[Json]) -> Json:
    """What a checkpoint is: the trial with its exact sizes and results, and the job that asked for it."""
    job, trial = client.job(job_id), client.trial(job_id, number)
    left_out = ("links", "reports", "attempts", "checkpoint")
    return {
        "job": {"id": job["id"], "name": job["name"], "spec": job["spec"]},
        "trial": {name: value for name, value in trial.items() if name not in left_out},
        "environment": trial["attempts"][-1]["environment"] if trial["attempts"] else {},
        "metric": job["metric"],
        "files": [{name: file[name] for name in ("name", "bytes", "sha256", "step")} for file in files],
    }


def _fetched(client: Client, job_id: str, number: int, file: Json, folder: Path) -> Path:
    """One file, whole and right, or an error.

    Raises:
        ApiError: the service refused, or stayed away.
        SparseIFTError: what came is not what was promised; it is deleted.
    """
    path = folder / PurePosixPath(file["name"]).name
    partial = path.with_name(f".{path.name}.{(file['sha256'] or str(file['bytes']))[:16]}.partial")
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=out, disable=not out.is_terminal, transient=True) as bars:
        task = bars.add_task(path.name, total=file["bytes"])
        for left in reversed(range(TRIES)):
            done = partial.stat().st_size if partial.exists() else 0
            if done >= file["bytes"]:
                break
            try:
                with partial.open("ab") as target:
                    for piece in client.artifact(job_id, number, file["name"], done):
                        target.write(piece)
                        bars.update(task, completed=target.tell())
            except ApiError as error:
                if not is_away(error) or not left:
                    raise
    problem = _unlike(partial, file)
    if problem:
        partial.unlink()
        raise SparseIFTError(f"{path} {problem}; it was deleted, download it again.")
    partial.replace(path)
    return path


def _unlike(path: Path, file: Json) -> str:
    """How a file differs from what the list says of it; empty where it does not."""
    size = path.stat().st_size
    if size != file["bytes"]:
        return f"has {size} bytes instead of {file['bytes']}"
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if file["sha256"] is not None and digest != file["sha256"]:
        return f"has the sha256 {digest} instead of {file['sha256']}"
    return ""
