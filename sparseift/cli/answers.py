"""`sparseift best` and `sparseift curve`: what a job found."""

from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console

from sparseift.cli.connection import connect
from sparseift.cli.failures import UsageProblem
from sparseift.cli.jobs import resolve
from sparseift.cli.options import DEFAULT_API, Api, AsJson, JobId, examples, out, show_json
from sparseift.cli.plot import draw
from sparseift.cli.tables import best_notes, best_table, curve_table
from sparseift.client import Client, CurveFormat, Json

FORMATS = ("html", "png", "svg", "csv", "json")
WIDEST = 100  # columns of a curve in the terminal

BEST_EXAMPLES = examples("sparseift best last", "sparseift best JOB --json")
CURVE_EXAMPLES = examples(
    "sparseift curve last",
    "sparseift curve JOB --save curve.html",
    "sparseift curve JOB --save curve.png --csv points.csv",
)


def best(job: JobId = "last", as_json: AsJson = False, api: Api = DEFAULT_API) -> None:
    """Show the best configuration of each family beside dense, with 95 % intervals."""
    with connect(api) as client:
        job_id = resolve(client, job)
        if as_json:
            show_json(client.best(job_id))
        else:
            _show_best(client.best(job_id), out)


def curve(
    job: JobId = "last",
    save: Annotated[
        list[Path] | None,
        typer.Option("--save", metavar="FILE", help=f"Write it; the suffix says how: {', '.join(FORMATS)}."),
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the points as CSV.")] = None,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Write the chart as SVG.")] = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Write the chart as PNG.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the chart as HTML.")] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Draw a job's iso-FLOP curve in the terminal, or save it as a file; the HTML file needs no network.

    With --json, the curve itself, or else the names of the files that were saved.
    """
    named: tuple[tuple[Path | None, CurveFormat], ...] = ((csv, "csv"), (svg, "svg"), (png, "png"), (html, "html"))
    files = [(path, file_format(path)) for path in save or ()]
    files += [(writable(path), wanted) for path, wanted in named if path is not None]
    with connect(api) as client:
        job_id = resolve(client, job)
        if files:
            for path, wanted in files:
                save_curve(client, job_id, path, wanted)
                if not as_json:
                    out.print(f"Saved {path}", soft_wrap=True)
            if as_json:
                show_json({"job": job_id, "files": [str(path) for path, _ in files]})
            return
        found = client.curve(job_id)
    if as_json:
        show_json(found)
        return
    out.print(found["headline"])
    out.print(draw(found, min(WIDEST, out.width)))
    out.print(curve_table(found))


def show_answer(found: Json, console: Console) -> None:
    """A finished job's curve and the best of each family."""
    console.print(draw(found, min(WIDEST, console.width)))
    _show_best(found, console)


def _show_best(found: Json, console: Console) -> None:
    console.print(found["headline"])
    console.print(best_table(found))
    for line in (*best_notes(found), *found["remarks"]):
        console.print(line)


def file_format(path: Path) -> CurveFormat:
    """The format that a file's suffix names.

    Raises:
        UsageProblem: another suffix, or a folder that is not there.
    """
    wanted = path.suffix.removeprefix(".").lower()
    if wanted not in FORMATS:
        raise UsageProblem(f"{path} has no known suffix; a curve is saved as {', '.join('.' + f for f in FORMATS)}.")
    writable(path)
    return cast(CurveFormat, wanted)


def writable(path: Path) -> Path:
    """The path, whose folder is there.

    Raises:
        UsageProblem: it is not.
    """
    if not path.absolute().parent.is_dir():
        raise UsageProblem(f"{path} cannot be written: there is no folder {path.absolute().parent}.")
    return path


def save_curve(client: Client, job_id: str, path: Path, wanted: CurveFormat) -> None:
    """Writes a curve as a file; errors as `save_file`."""
    save_file(path, client.curve_file(job_id, wanted))


def save_file(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all.

    Raises:
        UsageProblem: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UsageProblem(f"{path} cannot be written: {error.strerror}.") from error
