"""`sparseift best` and `sparseift curve`: what a job found."""

import json
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console

from sparseift.cli.failures import UsageProblem
from sparseift.cli.jobs import resolve
from sparseift.cli.options import DEFAULT_API, Api, AsJson, JobId, examples, out
from sparseift.cli.plot import draw
from sparseift.cli.tables import best_notes, best_table, curve_table
from sparseift.client import Client, CurveFormat, Json

FORMATS = ("html", "png", "svg", "csv", "json")
WIDEST = 100  # columns of a curve in the terminal

BEST_EXAMPLES = examples("sparseift best last", "sparseift best JOB --json")
CURVE_EXAMPLES = examples(
    "sparseift curve last",
    "sparseift curve JOB --save curve.html",
    "sparseift curve JOB --save curve.png --save curve.csv",
)


def best(job: JobId = "last", as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Show the best configuration of each family beside dense, with 95 % intervals."""
    with Client(api) as client:
        job_id = resolve(client, job)
        if as_json:
            out.print_json(json.dumps(client.best(job_id)))
        else:
            _show_best(client.best(job_id), out)


def curve(
    job: JobId = "last",
    save: Annotated[
        list[Path] | None,
        typer.Option("--save", metavar="FILE", help=f"Write it; the suffix says how: {', '.join(FORMATS)}."),
    ] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Draw a job's iso-FLOP curve in the terminal, or save it as a file; the HTML file needs no network."""
    files = [(path, file_format(path)) for path in save or ()]
    with Client(api) as client:
        job_id = resolve(client, job)
        if files:
            for path, wanted in files:
                save_curve(client, job_id, path, wanted)
                out.print(f"Saved {path}", highlight=False, soft_wrap=True)
            return
        found = client.curve(job_id)
    if as_json:
        out.print_json(json.dumps(found))
        return
    out.print(found["headline"], highlight=False)
    out.print(draw(found, min(WIDEST, out.width)))
    out.print(curve_table(found))


def show_answer(found: Json, console: Console) -> None:
    """A finished job's curve and the best of each family."""
    console.print(draw(found, min(WIDEST, console.width)))
    _show_best(found, console)


def _show_best(found: Json, console: Console) -> None:
    console.print(best_table(found))
    for line in (*best_notes(found), *found["remarks"]):
        console.print(line, highlight=False)


def file_format(path: Path) -> CurveFormat:
    """The format that a file's suffix names.

    Raises:
        UsageProblem: another suffix, or a folder that is not there.
    """
    wanted = path.suffix.removeprefix(".").lower()
    if wanted not in FORMATS:
        raise UsageProblem(f"{path} has no known suffix; a curve is saved as {', '.join('.' + f for f in FORMATS)}.")
    if not path.absolute().parent.is_dir():
        raise UsageProblem(f"{path} cannot be written: there is no folder {path.absolute().parent}.")
    return cast(CurveFormat, wanted)


def save_curve(client: Client, job_id: str, path: Path, wanted: CurveFormat) -> None:
    """Writes a curve whole or not at all."""
    content = client.curve_file(job_id, wanted)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UsageProblem(f"{path} cannot be written: {error.strerror}.") from error
