"""The options that several commands share, and the consoles they print to."""

import json
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from sparseift.client import DEFAULT_URL

DEFAULT_DATA = Path("sparseift-data")


def console(**options: Any) -> Console:
    """A console that prints words as they are; where something is coloured, it is a `Text`.

    What people and services say, such as a job's name or a failure's message, may hold brackets and colons, which rich
    would take for markup (and break on) or for the names of pictures.

    Args:
        options: further ones of rich's.
    """
    return Console(markup=False, emoji=False, highlight=False, **options)


# What is piped or kept in a log is not folded to the 80 columns that rich assumes there.
out = console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 140)
err = console(stderr=True)

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
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text and tables.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, or `last` for the newest one.")]
Jobs = Annotated[list[str], typer.Argument(metavar="JOB...", help="Jobs' ids, or `last` for the newest one.")]
TrialNumber = Annotated[int, typer.Argument(metavar="TRIAL", min=0, help="The trial's number.")]

DEFAULT_API = DEFAULT_URL


def show_json(value: object) -> None:
    """What the API answered, as it answered it: coloured on a terminal only."""
    out.print_json(json.dumps(value))


def show_json_line(value: object) -> None:
    """One of a stream of JSON values, on a line of its own."""
    out.print(json.dumps(value), soft_wrap=True)


def working(sentence: str) -> AbstractContextManager[object]:
    """A spinner while something takes seconds; where there is no terminal a plain line, beside what is asked for."""
    if out.is_terminal:
        return out.status(Text(sentence))
    err.print(sentence)
    return nullcontext()


def examples(*lines: str) -> str:
    """An epilog that shows commands one per line."""
    return "Examples:\n\n" + "\n\n".join(f"    {line}" for line in lines)
