"""YAML job files: the fields of `records.JobSpec`, read safely, every complaint with its line."""

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from sparseift.cli.failures import UsageProblem
from sparseift.client import ApiError, Json
from sparseift.records import Budget, JobSpec, Named, Space

KNOWN: dict[tuple[str, ...], tuple[str, ...]] = {
    (): tuple(f.name for f in fields(JobSpec)),
    ("model",): tuple(f.name for f in fields(Named)),
    ("dataset",): tuple(f.name for f in fields(Named)),
    ("space",): tuple(f.name for f in fields(Space)),
    ("budget",): tuple(f.name for f in fields(Budget)),
}
REQUIRED = ("model", "dataset")
SCIENTIFIC = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")


@dataclass(frozen=True, slots=True)
class JobFile:
    """A job file: its document, and where each field comes from.

    Attributes:
        lines: the line (1-based) on which a field stands, for those that the file has.
        settings: the fields that --set gave, which have no line.
    """

    path: Path
    document: Json
    lines: dict[tuple[str, ...], int]
    settings: frozenset[tuple[str, ...]] = frozenset()

    def where(self, field: tuple[str, ...]) -> str:
        """ "FILE, line N" of a field or the nearest one around it, "--set FIELD", or the file where none is known."""
        given = next((s for s in sorted(self.settings) if s[: len(field)] == field), None)
        if field and field not in self.lines and given:
            return f"--set {'.'.join(given)}"
        while field:
            if field in self.lines:
                return f"{self.path}, line {self.lines[field]}"
            if field in self.settings:
                return f"--set {'.'.join(field)}"
            field = field[:-1]
        return str(self.path)

    def placed(self, error: ApiError) -> ApiError:
        """The service's complaint, with where each field that it names comes from."""
        if not error.errors:
            return ApiError(f"{self.path}: {error}", error.status, error.code)
        sentences = [f"{self.where(tuple(e['field'].split('.')))}: {e['message']}" for e in error.errors]
        return ApiError("\n".join(sentences), error.status, error.code, error.errors)


def read(path: Path, settings: tuple[str, ...] = ()) -> JobFile:
    """Reads a job file and lays `key.sub=value` settings over it.

    Raises:
        UsageProblem: a file that cannot be read, is no YAML mapping, repeats a field, or has one that no job has.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{path} cannot be read: {error}.") from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UsageProblem(f"{path}{line}: {getattr(error, 'problem', None) or error}.") from error
    if not isinstance(document, dict):
        raise UsageProblem(f"{path} holds no mapping of fields; a job file has {', '.join(REQUIRED)} and more.")
    lines: dict[tuple[str, ...], int] = {}
    _number(node, (), lines, path)
    given = {lay(document, setting) for setting in settings}
    lines = {field: line for field, line in lines.items() if not any(field[: len(g)] == g for g in given)}
    file = JobFile(path, document, lines, frozenset(given))
    for name in ("model", "dataset"):
        if isinstance(document.get(name), str):  # the name alone stands for {name: …}
            document[name] = {"name": document[name]}
    _check(file)
    return file


def _number(node: Any, at: tuple[str, ...], lines: dict[tuple[str, ...], int], path: Path) -> None:
    """Notes the line of every key; PyYAML alone would let a repeated key win in silence."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*at, str(index))] = item.start_mark.line + 1
            _number(item, (*at, str(index)), lines, path)
    if isinstance(node, yaml.ScalarNode) and _is_number_in_disguise(node):
        raise UsageProblem(
            f"{path}, line {node.start_mark.line + 1}: {node.value} is a text in YAML; "
            f"write it as {float(node.value)!r}, or with a point and a sign, such as 2.0e-3."
        )
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        field = (*at, str(key.value))
        if field in lines:
            raise UsageProblem(
                f"{path}, line {key.start_mark.line + 1}: '{'.'.join(field)}' stands on line {lines[field]} already."
            )
        lines[field] = key.start_mark.line + 1
        _number(value, field, lines, path)


def _is_number_in_disguise(node: yaml.ScalarNode) -> bool:
    """YAML 1.1 wants a point and a signed exponent: it reads 2e-3 as a text, and says nothing."""
    return node.style is None and node.tag.endswith(":str") and SCIENTIFIC.fullmatch(node.value) is not None


def lay(document: Json, setting: str) -> tuple[str, ...]:
    """Sets a field of the document, and names it.

    Raises:
        UsageProblem: the setting is not of the form key.sub=value.
    """
    key, equals, value = setting.partition("=")
    *path, last = key.split(".")
    if not equals or not all((*path, last)):
        raise UsageProblem(f"--set {setting} is not of the form key.sub=value, for example budget.search_trials=8.")
    for name in path:
        document = document.setdefault(name, {})
        if not isinstance(document, dict):
            raise UsageProblem(f"--set {setting}: '{name}' is no mapping.")
    try:
        document[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise UsageProblem(f"--set {setting}: '{value}' is no YAML value.") from error
    return (*path, last)


def _check(file: JobFile) -> None:
    """Names and shapes only: ranges and catalogs are the service's to judge."""
    for field, known in KNOWN.items():
        part: Any = file.document
        for name in field:
            part = part.get(name, {})
        if not isinstance(part, dict):
            raise UsageProblem(f"{file.where(field)}: '{field[0]}' must be a mapping with {', '.join(known)}.")
        for name in part:
            if name not in known:
                raise UsageProblem(
                    f"{file.where((*field, str(name)))}: there is no field '{'.'.join((*field, str(name)))}'; "
                    f"the known ones are {', '.join(known)}."
                )
    for name in REQUIRED:
        if name not in file.document:
            raise UsageProblem(f"{file.path} has no field '{name}'; a job needs {', '.join(REQUIRED)}.")
