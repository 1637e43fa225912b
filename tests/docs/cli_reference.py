"""Writes docs/reference/cli.md from the commands themselves: `python tests/docs/cli_reference.py`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from sparseift.cli.app import EXIT_CODES, app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
LEFT_OUT = ("help", "install_completion", "show_completion")
HEAD = """# Commands

Made from the commands' own help by `python tests/docs/cli_reference.py`; a test compares the two.
`JOB` is a job's id, or `last` for the newest one. Every command takes `--help`.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, EXIT_CODES, *(section(path, command) for path, command in commands(typer.main.get_command(app)))]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its path; groups themselves do nothing."""
    children = getattr(group, "commands", None)
    if children is None:
        yield path, group
        return
    for name, child in children.items():
        yield from commands(child, (*path, name))


def section(path: tuple[str, ...], command: Any) -> str:
    """One command."""
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden and p.name not in LEFT_OUT]
    names = [p.metavar or p.name.upper() for p in arguments]
    usage = " ".join(n if p.required else f"[{n}]" for p, n in zip(arguments, names, strict=True))
    parts = [f"## sparseift {' '.join(path)} {usage}".strip(), paragraphs(command.help)]
    if options:
        parts.append("\n".join(["| option | meaning | default |", "| --- | --- | --- |", *map(row, options)]))
    shown = "\n".join(f"$ {line.strip()}" for line in command.epilog.split("\n\n")[1:])
    return "\n\n".join([*parts, f"```console\n{shown}\n```"])


def paragraphs(text: str) -> str:
    """A docstring with its paragraphs on one line each."""
    return "\n\n".join(re.sub(r"\s+", " ", part).strip() for part in text.split("\n\n"))


def row(option: Any) -> str:
    """One option."""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    variables = [option.envvar] if isinstance(option.envvar, str) else option.envvar or []
    given = f" (or {', '.join(f'`{name}`' for name in variables)})" if variables else ""
    default = f"`{option.default}`" if option.default not in (None, False, True, [], ()) else ""
    return f"| {names} | {option.help}{given} | {default} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
