"""Job files in YAML or JSON, read safely; every complaint has the place that it is about."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sparseift.cli.failures import UsageProblem
from sparseift.cli.marks import Field, Place, place, places, shown
from sparseift.cli.schema import complaints, known_fields
from sparseift.cli.suggest import did_you_mean
from sparseift.client import ApiError, Json, is_away

REQUIRED = ("model", "dataset")
MAPPINGS: tuple[Field, ...] = ((), ("model",), ("dataset",), ("space",), ("budget",))


@dataclass(frozen=True, slots=True)
class JobFile:
    """A job file: its document, and where each field comes from.

    Attributes:
        path: the file, or the name that stands for one.
        places: where a field stands, for those that the file has.
        settings: the fields that --set gave, which stand nowhere.
    """

    path: Path
    document: Json
    places: dict[Field, Place]
    settings: frozenset[Field] = frozenset()

    def where(self, field: Field) -> str:
        """ "FILE:LINE:COLUMN" of a field or the nearest one around it, "--set FIELD", or the file where none is."""
        given = next((s for s in sorted(self.settings) if s[: len(field)] == field), None)
        if field and field not in self.places and given:
            return f"--set {'.'.join(given)}"
        while field:
            if field in self.places:
                return shown(self.path, self.places[field])
            if field in self.settings:
                return f"--set {'.'.join(field)}"
            field = field[:-1]
        return str(self.path)

    def placed(self, error: ApiError) -> ApiError:
        """The service's complaint, with where each field that it names comes from, and what may have been meant."""
        if is_away(error):
            return error  # which the file is not to blame for
        if not error.errors:
            return error.saying(f"{self.path}: {error}")
        meant = did_you_mean(error.problem.get("name", ""), error.problem.get("known") or ())
        sentences = [f"{self.where(tuple(e['field'].split('.')))}: {e['message']}{meant}" for e in error.errors]
        return error.saying("\n".join(sentences))

    def complaints(self) -> list[str]:
        """What is wrong with it as far as the schema knows, each with its place; a correct file has none."""
        return [
            f"{self.where(field)}: {'.'.join(field) or 'the job'}: {sentence}"
            for field, sentence in complaints(self.document)
        ]


def read(path: Path, settings: tuple[str, ...] = ()) -> JobFile:
    """Reads a job file and lays `key.sub=value` settings over it.

    Raises:
        UsageProblem: a file that cannot be read, is no YAML mapping, repeats a field, or has one that no job has.
    """
    file = parse(path, settings)
    _check(file)
    return file


def parse(path: Path, settings: tuple[str, ...] = ()) -> JobFile:
    """As `read`, before the fields are looked at."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{path} cannot be read: {error}.") from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = shown(path, place(mark)) if mark else str(path)
        raise UsageProblem(f"{where}: {getattr(error, 'problem', None) or error}.") from error
    if not isinstance(document, dict):
        raise UsageProblem(f"{path} holds no mapping of fields; a job file has {', '.join(REQUIRED)} and more.")
    found = places(node, path)
    given = {lay(document, setting) for setting in settings}
    found = {field: at for field, at in found.items() if not any(field[: len(g)] == g for g in given)}
    for name in ("model", "dataset"):
        if isinstance(document.get(name), str):  # the name alone stands for {name: …}
            document[name] = {"name": document[name]}
    return JobFile(path, document, found, frozenset(given))


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
    for field in MAPPINGS:
        known = known_fields(field)
        part: Any = file.document
        for name in field:
            part = part.get(name, {})
        if not isinstance(part, dict):
            raise UsageProblem(f"{file.where(field)}: '{field[0]}' must be a mapping with {', '.join(known)}.")
        for name in part:
            if name not in known:
                full = (*field, str(name))
                raise UsageProblem(
                    f"{file.where(full)}: there is no field '{'.'.join(full)}'; "
                    f"the known ones are {', '.join(known)}.{did_you_mean(name, known)}"
                )
    for name in REQUIRED:
        if name not in file.document:
            raise UsageProblem(f"{file.path} has no field '{name}'; a job needs {', '.join(REQUIRED)}.")
