"""`sparseift report`: a job's whole answer as one file."""

from pathlib import Path
from typing import Annotated

import typer

from sparseift.cli.answers import save_file, writable
from sparseift.cli.connection import connect
from sparseift.cli.failures import UsageProblem
from sparseift.cli.jobs import resolve
from sparseift.cli.options import DEFAULT_API, Api, AsJson, JobId, examples, out, show_json
from sparseift.client import ReportFormat

REPORT_EXAMPLES = examples(
    "sparseift report last > report.md",
    "sparseift report JOB --to report.html",
)

FORMATS: dict[str, ReportFormat] = {".html": "html", ".md": "markdown"}


def report(
    job: JobId = "last",
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="A .html or .md file; without it, Markdown on stdout.")
    ] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Write a job's report: answer, charts, tables, limits, what ran, environment, job file and citation.

    The HTML file is whole: it needs no network, follows the reader's light or dark theme, and can be printed. With
    --json, the Markdown as a text, or else the name of the file that was saved.
    """
    wanted: ReportFormat = "markdown" if to is None else _format(to)
    with connect(api) as client:
        job_id = resolve(client, job)
        content = client.report(job_id, wanted)
    if to is not None:
        save_file(to, content)
    if as_json:
        show_json({"job": job_id} | ({"markdown": content.decode()} if to is None else {"files": [str(to)]}))
    elif to is None:
        typer.echo(content.decode(), nl=False)
    else:
        out.print(f"Saved {to} ({len(content):,} bytes)", soft_wrap=True)


def _format(path: Path) -> ReportFormat:
    if path.suffix.lower() not in FORMATS:
        raise UsageProblem(f"{path} has no known suffix; a report is written as {' or '.join(FORMATS)}.")
    writable(path)
    return FORMATS[path.suffix.lower()]
