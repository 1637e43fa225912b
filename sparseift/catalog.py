"""Names -> "module:attribute": plain tables of strings. Listing them imports no torch; `load` imports one entry.

Users' own models and data sets arrive by the packaging entry points `sparseift.models` and `sparseift.datasets`, which
the operator installs; no request can name code to import.
"""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from sparseift.errors import UnknownName

FAMILIES = {
    "sparse_wide": "sparseift.families.wide:WIDE",
    "sparse_parallel": "sparseift.families.parallel:PARALLEL",
    "sparse_factorized": "sparseift.families.factorized:FACTORIZED",
    "sparse_doped": "sparseift.families.doped:DOPED",
}
MODELS = {
    "mlp": "sparseift.models.cards:MLP",
    "resnet": "sparseift.models.cards:RESNET",
    "resnet18": "sparseift.models.cards:RESNET18",
    "resnet34": "sparseift.models.cards:RESNET34",
    "resnet50": "sparseift.models.cards:RESNET50",
    "mobilenetv2": "sparseift.models.cards:MOBILENETV2",
    "vit": "sparseift.models.cards:VIT",
    "vit-ti": "sparseift.models.cards:VIT_TI",
    "vit-s": "sparseift.models.cards:VIT_S",
    "gpt": "sparseift.models.cards:GPT",
    "gpt3-small": "sparseift.models.cards:GPT3_SMALL",
}
DATASETS = {
    "digits": "sparseift.datasets.digits:DIGITS",
    "cifar10": "sparseift.datasets.cifar10:CIFAR10",
    "sotu": "sparseift.datasets.sotu:SOTU",
    "cifar100": "sparseift.datasets.cifar100:CIFAR100",
    "wikitext103": "sparseift.datasets.wikitext103:WIKITEXT103",
    "imagenet": "sparseift.datasets.imagenet:IMAGENET",
}


@cache
def table(kind: str) -> dict[str, str]:
    """The entries of a kind ("family", "model", "dataset"), the operator's own included; ours win a name clash."""
    if kind == "family":
        return dict(FAMILIES)
    ours = {"model": MODELS, "dataset": DATASETS}[kind]
    installed = {e.name: e.value for e in entry_points(group=f"sparseift.{kind}s")}
    return {**installed, **ours}


def load(reference: str) -> Any:
    """The object that "module:attribute" names."""
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


def get(kind: str, name: str) -> Any:
    """The card of a catalog entry.

    Raises:
        UnknownName: with the known names.
    """
    entries = table(kind)
    if name not in entries:
        raise UnknownName({"dataset": "data set"}.get(kind, kind), name, entries)
    return load(entries[name])
