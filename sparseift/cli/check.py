"""`sparseift check`, `init` and `presets`: job files before they are submitted."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from sparseift import catalog
from sparseift.cli import jobfile
from sparseift.cli.connection import connect
from sparseift.cli.failures import UsageProblem
from sparseift.cli.marks import Field
from sparseift.cli.options import DEFAULT_API, Api, AsJson, examples, out, show_json
from sparseift.cli.suggest import did_you_mean
from sparseift.client import ApiError, Json
from sparseift.errors import InvalidValue, UnknownName
from sparseift.training import recipes

CHECK_EXAMPLES = examples("sparseift check job.yaml", "sparseift check job.yaml --offline")
INIT_EXAMPLES = examples("sparseift init", "sparseift init search.yaml", "sparseift init --preset cifar100-resnet18")
PRESETS_EXAMPLES = examples("sparseift presets", "sparseift presets --json")

PRESETS = Path(str(files("sparseift.presets")))
STARTER = Path(str(files("sparseift.cli") / "starter.yaml"))


def presets() -> dict[str, Path]:
    """The packaged job files by name."""
    return {path.stem: path for path in sorted(PRESETS.glob("*.yaml"))}


def preset(name: str) -> Path:
    """The file of a preset.

    Raises:
        UsageProblem: with the known names.
    """
    known = presets()
    if name not in known:
        raise UsageProblem(
            f"There is no preset '{name}'; the known ones are {', '.join(known)}.{did_you_mean(name, known)}"
        )
    return known[name]


def head(path: Path) -> list[str]:
    """What a job file says of itself in its first lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    end = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return [line.removeprefix("#").removeprefix(" ") for line in lines[:end]]


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The job file, YAML or JSON.")],
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no service: fields, ranges and our names only.")
    ] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a field, after the file; repeatable.")
    ] = None,
    as_json: AsJson = False,
    api: Api = DEFAULT_API,
) -> None:
    """Check a job file: every wrong field with its line and column; then the service's own judgement, as a dry run.

    The first part needs no service and knows the fields, their ranges and the names that come with this package. The
    second solves the sizes too, and knows the names that an operator has added.
    """
    document = jobfile.parse(file, tuple(settings or ()))
    if wrong := document.complaints():
        raise UsageProblem("\n".join(wrong))
    remarks = unknown_here(document)
    if offline:
        if remarks:
            raise UsageProblem("\n".join(remarks))
        if as_json:
            show_json(document.document)
        else:
            out.print(f"{file} has the form of a job; its sizes are for the service to solve.")
        return
    with connect(api) as client:
        try:
            answer = client.dry_run(document.document)
        except ApiError as error:
            raise document.placed(error) from error
    if as_json:
        show_json(answer)
        return
    total = answer["planned_trials"]["total"]
    out.print(f"{file} is a job that the service takes: {total} trials.")


def unknown_here(document: jobfile.JobFile) -> list[str]:
    """What the catalogs and recipes of this installation do not allow; another one's may."""
    job, found = document.document, list[str]()

    def held(field: Field, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except UnknownName as error:
            found.append(f"{document.where(field)}: {error}{did_you_mean(error.name, error.known)}")
        except InvalidValue as error:
            found.append(f"{document.where(field)}: {error}")
        return None

    def held_each(field: Field, resolve: Callable[[Json], Any], given: Json) -> None:
        """The complaint at the entry that causes it alone, else at the whole field."""
        with suppress(UnknownName, InvalidValue):
            resolve(given)
            return
        before = len(found)
        for name, value in given.items():
            held((*field, name), partial(resolve, {name: value}))
        if len(found) == before:
            held(field, partial(resolve, given))

    for noun in ("model", "dataset"):
        card = held((noun, "name"), partial(catalog.get, noun, job[noun]["name"]))
        if card is not None:
            held_each((noun, "arguments"), card.resolve, job[noun].get("arguments", {}))
    for index, family in enumerate(job.get("families", ())):
        held(("families", str(index)), partial(catalog.get, "family", family))
    if card is not None:  # the data set's
        held_each(("training",), partial(recipes.resolve, card.task), job.get("training", {}))
    return found


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path("job.yaml"),
    preset_name: Annotated[
        str | None, typer.Option("--preset", metavar="NAME", help="Start from a preset of `sparseift presets`.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a commented job file to start from."""
    source = STARTER if preset_name is None else preset(preset_name)
    if file.exists() and not force:
        raise UsageProblem(f"{file} is there already; choose another name, or write over it with --force.")
    try:
        file.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as error:
        raise UsageProblem(f"{file} cannot be written: {error.strerror}.") from error
    if as_json:
        show_json({"files": [str(file)]})
        return
    out.print(f"Wrote {file}. Next: sparseift submit {file} --dry-run", soft_wrap=True)


def list_presets(as_json: AsJson = False) -> None:
    """List the paper's set-ups that come as job files, with their sources, data and costs."""
    told = {name: head(path) for name, path in presets().items()}
    if as_json:
        show_json([{"name": name, "file": str(presets()[name]), "about": lines} for name, lines in told.items()])
        return
    table = Table("preset", "what it is, and what it takes", show_lines=True)
    for name, lines in told.items():
        table.add_row(name, "\n".join(lines))
    out.print(table)
    out.print(
        "Use one: sparseift submit --preset NAME --dry-run; change one: sparseift init --preset NAME", highlight=False
    )
