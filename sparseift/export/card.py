"""The card of an exported model: what it is, what it costs, and what made it. No torch here."""

from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self

from sparseift.errors import CheckpointError
from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Point

CITATION = (
    "V. Thangarasa, S. Saxena, A. Gupta, S. Lie: Sparse-IFT: Sparse Iso-FLOP Transformations for Maximizing Training "
    "Efficiency. ICML 2024, PMLR 235, arXiv 2303.11525."
)


# What the fields of a card hold where they hold something: a file may hold anything.
KINDS: dict[tuple[str, ...], type | tuple[type, ...]] = {
    ("family", "scale", "scope", "library_version", "notes", "citation"): str,
    ("nominal_sparsity", "sparsity", "flop_ratio"): (int, float),
    ("dense_flops", "sparse_flops", "executed_flops", "parameters", "nonzero_parameters"): int,
    ("seeds", "schedule"): dict,
}


@dataclass(frozen=True, slots=True)
class Card:
    """What travels with the weights. FLOPs are forward FLOPs per sample (1 MAC = 2 FLOPs); None is unknown.

    Attributes:
        family, nominal_sparsity, scale: the transformation that was asked for, and its size in words.
        sparsity: share of masked weights that are zero; parameters: stored, nonzero_parameters: of them not masked.
            All three are measured on the model when it is saved.
        dense_flops, sparse_flops, executed_flops: of the dense model, of the non-zeros only, and of masked-dense
            kernels; whole model.
        flop_ratio: sparse over dense FLOPs within `scope`.
        seeds: what each seed was for -> the seed.
        schedule: of the masks, `MaskSchedule.canonical()`.
        library_version: of sparseift; filled in when saved.
        notes: free text.
    """

    family: str | None = None
    nominal_sparsity: float | None = None
    scale: str | None = None
    sparsity: float | None = None
    scope: str | None = None
    dense_flops: int | None = None
    sparse_flops: int | None = None
    executed_flops: int | None = None
    flop_ratio: float | None = None
    parameters: int | None = None
    nonzero_parameters: int | None = None
    seeds: dict[str, int] = field(default_factory=dict)
    schedule: dict[str, Any] | None = None
    library_version: str | None = None
    notes: str = ""
    citation: str = CITATION

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` inverts it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of `to_json`.

        Raises:
            CheckpointError: it is no card.
        """
        try:
            card = cls(**value)
        except TypeError as error:
            raise CheckpointError(f"The model card cannot be read: {error}.") from error
        for names, kinds in KINDS.items():
            for name in names:
                given = value.get(name)
                if given is not None and (not isinstance(given, kinds) or isinstance(given, bool)):
                    raise CheckpointError(f"The model card cannot be read: its {name} is {given!r}.")
        return card


def card_of(
    point: Point,
    *,
    scope: str | None = None,
    dense_flops: int | None = None,
    seeds: dict[str, int] | None = None,
    schedule: MaskSchedule | None = None,
    notes: str = "",
) -> Card:
    """The card of a model that `transform`, `widen` or `build_sparse` made.

    Args:
        point: what they returned.
        scope: which FLOPs were held equal; with "model", dense FLOPs follow from the point where they are not given.
    """
    if dense_flops is None and scope == "model" and point.flop_ratio:
        dense_flops = round(point.forward_flops / point.flop_ratio)
    return Card(
        family=point.family,
        nominal_sparsity=point.nominal_sparsity,
        scale=point.scale,
        sparsity=point.sparsity,
        scope=scope,
        dense_flops=dense_flops,
        sparse_flops=point.forward_flops,
        executed_flops=point.executed_flops,
        flop_ratio=point.flop_ratio,
        parameters=point.parameters,
        nonzero_parameters=point.nonzero_parameters,
        seeds=dict(seeds or {}),
        schedule=schedule.canonical() if schedule else None,
        notes=notes,
    )


def library_version() -> str:
    """Of the installed sparseift."""
    try:
        return version("sparseift")
    except PackageNotFoundError:  # run from a source tree
        return "unknown"


def card_markdown(card: Card, title: str = "A sparse model") -> str:
    """The card as a Markdown page; what is unknown is left out."""
    facts = {
        "Family": card.family,
        "Scale": card.scale,
        "Nominal sparsity": None if card.nominal_sparsity is None else f"{card.nominal_sparsity:g}",
        "Achieved sparsity": None if card.sparsity is None else f"{card.sparsity:.4f} of masked weights are zero",
        "Parameters": _count(card.parameters),
        "Non-zero parameters": _count(card.nonzero_parameters),
        "FLOPs of the dense model": _count(card.dense_flops, "forward FLOPs per sample"),
        "FLOPs of the non-zeros": _count(card.sparse_flops, "forward FLOPs per sample"),
        "FLOPs that masked-dense kernels execute": _count(card.executed_flops, "forward FLOPs per sample"),
        "Sparse over dense FLOPs": None
        if card.flop_ratio is None
        else f"{card.flop_ratio:.5f}" + (f" (scope: {card.scope})" if card.scope else ""),
        "Seeds": ", ".join(f"{use} {seed}" for use, seed in card.seeds.items()) or None,
        "Mask schedule": None
        if card.schedule is None
        else ", ".join(f"{name} {value}" for name, value in card.schedule.items()),
        "Made with": None if card.library_version is None else f"sparseift {card.library_version}",
    }
    rows = [f"| {name} | {_cell(value)} |" for name, value in facts.items() if value is not None]
    notes = ["", "## Notes", "", card.notes] if card.notes else []
    return "\n".join([f"# {title}", "", "| | |", "|---|---|", *rows, *notes, "", "## Citation", "", card.citation, ""])


def _count(value: int | None, unit: str = "") -> str | None:
    return None if value is None else f"{value:,} {unit}".rstrip()


def _cell(text: str) -> str:
    """On one line, within its cell."""
    return " ".join(text.replace("|", "\\|").split())
