"""The options that several commands share, and the consoles they print to."""

import json
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sparseift.client import DEFAULT_URL

DEFAULT_DATA = Path("sparseift-data")

# What is piped or kept in a log is not folded to the 80 columns that rich assumes there.
out = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 140)
err = Console(stderr=True)

Api = Annotated[
    str, typer.Option("--url", "--api", envvar=["SPARSEIFT_URL", "SPARSEIFT_API"], help="Address of the service.")
]
Data = Annotated[
    Path,
    typer.Option("--data", envvar="SPARSEIFT_DATA", help="Folder of the database, data sets, checkpoints and logs."),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        envvar="SPARSEIFT_DATABASE",
        help="sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME; without it, SQLite in the data folder.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, or `last` for the newest one.")]
Jobs = Annotated[list[str], typer.Argument(metavar="JOB...", help="Jobs' ids, or `last` for the newest one.")]
TrialNumber = Annotated[int, typer.Argument(metavar="TRIAL", min=0, help="The trial's number.")]

DEFAULT_API = DEFAULT_URL


def show_json(value: object) -> None:
    """What the API answered, as it answered it: coloured on a terminal only."""
    out.print_json(json.dumps(value))


def working(sentence: str) -> AbstractContextManager[object]:
    """A spinner while something takes seconds; a plain line where there is no terminal."""
    if out.is_terminal:
        return out.status(sentence)
    out.print(sentence, highlight=False)
    return nullcontext()


def examples(*lines: str) -> str:
    """An epilog that shows commands one per line."""
    return "Examples:\n\n" + "\n\n".join(f"    {line}" for line in lines)
