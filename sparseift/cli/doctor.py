"""`sparseift doctor`: the installation checked, with what to do about it."""

from dataclasses import asdict

import typer
from rich.text import Text

from sparseift.cli.checks import Level, all_findings
from sparseift.cli.failures import FAILED
from sparseift.cli.folders import Folders
from sparseift.cli.options import DEFAULT_API, DEFAULT_DATA, Api, AsJson, Data, Database, examples, out, show_json

DOCTOR_EXAMPLES = examples(
    "sparseift doctor",
    "sparseift doctor --data /data/sparseift --database postgresql+psycopg://me@dbhost/sparseift --json",
)
MARKS: dict[Level, tuple[str, str]] = {  # with their colours
    "ok": ("✓", "green"), "note": ("·", ""), "warning": ("!", "yellow"), "problem": ("✗", "red")
}  # fmt: skip


def doctor(
    data: Data = DEFAULT_DATA, database: Database = None, as_json: AsJson = False, api: Api = DEFAULT_API
) -> None:
    """Check this installation: Python, torch, packages, data, database, ports and service, with what to do about each.

    Changes nothing. Ends with code 1 when something keeps sparseift from working; warnings and notes do not count.
    """
    folders = Folders(data)
    found = []
    for finding in all_findings(folders, database or folders.database, api):
        found.append(finding)
        if not as_json:
            out.print(Text.assemble(MARKS[finding.level], f" {finding.name:<12}"), end=" ")
            out.print(finding.text, soft_wrap=True)
            if finding.advice and finding.level != "ok":
                out.print(f"{'':15}→ {finding.advice}", soft_wrap=True)
    problems = sum(finding.level == "problem" for finding in found)
    if as_json:
        show_json([asdict(finding) for finding in found])
    else:
        shown = f"{problems} {'problem' if problems == 1 else 'problems'}" if problems else "Nothing is wrong"
        out.print(f"{shown}.")
    if problems:
        raise typer.Exit(FAILED)
