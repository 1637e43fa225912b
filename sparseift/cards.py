"""The cards of the catalogs: what a model or a data set is, without importing torch."""

from collections.abc import Callable
from dataclasses import dataclass

from sparseift.errors import UnknownName
from sparseift.records import Arguments, DataShape, Metric
from sparseift.values import as_number, check_range


@dataclass(frozen=True, slots=True)
class Argument:
    """A numeric argument of a card: inclusive range and default. Integers stay integers."""

    name: str
    default: int | float
    low: int | float
    high: int | float
    summary: str


def resolve(card_name: str, declared: tuple[Argument, ...], given: Arguments) -> Arguments:
    """The given arguments over the defaults.

    Raises:
        UnknownName: an argument that the card does not declare.
        InvalidValue: a value outside its range, or no number, or a fraction where an integer is meant.
    """
    names = {a.name: a for a in declared}
    values = {a.name: a.default for a in declared}
    for name, value in given.items():
        if name not in names:
            raise UnknownName(f"argument of '{card_name}'", name, names)
        argument, called = names[name], f"{card_name}'s {name}"
        values[name] = as_number(called, value, int if isinstance(argument.default, int) else float)
        check_range(called, values[name], argument.low, argument.high)
    return values


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model family of the catalog.

    Attributes:
        task: which data it takes: "images" or "text".
        build: "module:function", called as `function(shape: DataShape, **arguments) -> torch.nn.Module`.
        width: the argument that Sparse Wide multiplies; width_multiple: widths must be multiples of that
            argument's value (e.g. "heads": the head count stays and the head dimension grows), or of 1.
        dense: globs of module names that stay dense (stem, head, embeddings).
        mask_only: globs of module names that are masked but not transformed (1×1 shortcuts).
        source: where the architecture is defined.
    """

    name: str
    summary: str
    task: str
    build: str
    arguments: tuple[Argument, ...]
    width: str
    width_multiple: str | None
    dense: tuple[str, ...]
    mask_only: tuple[str, ...]
    source: str

    def resolve(self, given: Arguments) -> Arguments:
        """Arguments over defaults, checked; errors as `resolve` above."""
        return resolve(self.name, self.arguments, given)


@dataclass(frozen=True, slots=True)
class DatasetCard:
    """A data set of the catalog.

    Attributes:
        metric: the objective.
        shape: from resolved arguments to what a model must know, without loading anything.
        load: "module:function", called as `function(folder: Path, **arguments) -> sparseift.datasets.splits.Splits`.
        fetch: "module:function", called as `function(folder: Path, progress) -> Path`, for a local copy with
            `source: Path` too; None where nothing is fetched.
        licence, source: attribution. size_bytes: of the download, 0 for none.
        fetch_arguments: names of the arguments that `fetch` takes too, by keyword, because it prepares by them.
    """

    name: str
    summary: str
    task: str
    metric: Metric
    arguments: tuple[Argument, ...]
    shape: Callable[[Arguments], DataShape]
    load: str
    fetch: str | None
    licence: str
    source: str
    size_bytes: int
    fetch_arguments: tuple[str, ...] = ()

    def resolve(self, given: Arguments) -> Arguments:
        """Arguments over defaults, checked; errors as `resolve` above."""
        return resolve(self.name, self.arguments, given)
