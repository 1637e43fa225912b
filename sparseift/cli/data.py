"""`sparseift data list` and `sparseift data fetch`: the data sets on this machine."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from sparseift import catalog
from sparseift.cards import DatasetCard
from sparseift.cli.failures import UsageProblem
from sparseift.cli.folders import Folders
from sparseift.cli.options import DEFAULT_DATA, AsJson, Data, examples, out, show_json, working

LIST_EXAMPLES = examples("sparseift data list", "sparseift data list --json")
FETCH_EXAMPLES = examples(
    "sparseift data fetch cifar10",
    "sparseift data fetch cifar10 --from ~/Downloads/cifar-10-batches-py",
    "sparseift data fetch sotu --data /data/sparseift",
    "sparseift data fetch imagenet --from /data/imagenet100 --set classes=100 --set limit=100000",
)


def list_data(as_json: AsJson = False) -> None:
    """List the data sets of the catalog."""
    if as_json:
        cards = [catalog.get("dataset", name) for name in catalog.table("dataset")]
        shown = ("name", "summary", "task", "size_bytes", "licence", "source")
        show_json([{name: getattr(card, name) for name in shown} for card in cards])
        return
    table = Table("name", "what", "download", "licence", "source")
    for name in catalog.table("dataset"):
        card: DatasetCard = catalog.get("dataset", name)
        size = f"{card.size_bytes / 1e6:.0f} MB" if card.size_bytes else "none"
        table.add_row(card.name, card.summary, size, card.licence, card.source)
    out.print(table)


def fetch_data(
    name: Annotated[str, typer.Argument(help="A name of `sparseift data list`.")],
    source: Annotated[Path | None, typer.Option("--from", help="A local copy to read in place of a download.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=NUMBER", help="An argument of the data set, as jobs give it; repeatable."),
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Fetch a data set into the data folder, check it, and decode it once.

    What is there already is checked and kept; a broken download leaves nothing behind that is taken for data.
    """
    card: DatasetCard = catalog.get("dataset", name)
    if source is not None and card.fetch is None:
        raise UsageProblem(f"{card.name} comes with a package; --from is for data sets that are downloaded.")
    folders = Folders(data)
    arguments = dict(map(_argument, settings or ()))
    card.resolve(arguments)
    folders.create()
    prepare(card, folders, arguments, source)
    if as_json:
        show_json({"dataset": card.name, "folder": str(folders.datasets)})
    else:
        out.print(f"{card.name} is ready in {folders.datasets}.", soft_wrap=True)


def _argument(setting: str) -> tuple[str, int | float]:
    """("size", 64) of "size=64"."""
    name, _, text = setting.partition("=")
    try:
        return name, int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError as error:
        raise UsageProblem(f"--set {setting} is not of the form NAME=NUMBER, as in --set classes=100.") from error


def prepare(card: DatasetCard, folders: Folders, arguments: dict[str, Any], source: Path | None = None) -> None:
    """Fetches and decodes a data set as trials will load it, so that trials only read.

    Args:
        source: a local copy to read in place of a download.

    Raises:
        DataError: a corrupt or incomplete download, or a missing package.
    """
    if card.fetch is not None:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=out, disable=not out.is_terminal) as bars:
            task = bars.add_task(card.name, total=card.size_bytes or None)
            resolved = card.resolve(arguments)
            local: dict[str, Any] = {} if source is None else {"source": source}
            local |= {name: resolved[name] for name in card.fetch_arguments}
            catalog.load(card.fetch)(
                folders.datasets, lambda done, total: bars.update(task, completed=done, total=total or None), **local
            )
    with working(f"Preparing {card.name}…"):
        catalog.load(card.load)(folders.datasets, **card.resolve(arguments))
