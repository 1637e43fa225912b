"""How to build the dense model whose structure a file changes: from our catalog, from transformers, or by its owner.

A file names a model; it never names code. Names are looked up in our catalog's table and among transformers' own
classes, configurations are data, and nothing is fetched.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from torch import nn

from sparseift import catalog
from sparseift.cards import ModelCard
from sparseift.construction import fresh
from sparseift.errors import CheckpointError, InvalidValue
from sparseift.export.bounds import check_counts
from sparseift.families.wide import wide_size
from sparseift.records import Arguments, DataShape

# What transformers would load code for, from the hub or elsewhere, or that says how to run rather than what. The last
# three decide between timm and the hub where a configuration names no backbone.
FOREIGN_KEYS = (
    "auto_map", "trust_remote_code", "quantization_config", "_name_or_path", "transformers_version",
    "use_timm_backbone", "use_pretrained_backbone", "backbone_kwargs",
)  # fmt: skip
ATTENTIONS = ("eager", "sdpa")  # implementations that transformers itself contains for every device


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """A model of our catalog, as `build_sparse` was asked for it.

    Attributes:
        name: of the catalog.
        shape: of the data that it was built for.
        arguments: of the model's builder, for the width that it has or that Sparse Wide widened; defaults are filled
            in.
    """

    name: str
    shape: DataShape
    arguments: Arguments = field(default_factory=dict)


def catalog_recipes(model: CatalogModel, family: str | None, nominal_sparsity: float | None) -> list[dict[str, Any]]:
    """The recipes of a catalog model that may be meant: as it was asked for, or as Sparse Wide widened it.

    Raises:
        UnknownName, InvalidValue: the catalog has no such model, or the model no such arguments.
    """
    card: ModelCard = catalog.get("model", model.name)
    asked = card.resolve(model.arguments)
    meant = [asked]
    if family == "sparse_wide" and nominal_sparsity is not None:
        multiple = int(asked[card.width_multiple]) if card.width_multiple else 1
        meant.append({**asked, card.width: wide_size(int(asked[card.width]), nominal_sparsity, multiple)})
    shape = {
        "task": model.shape.task,
        "input_shape": list(model.shape.input_shape),
        "outputs": model.shape.outputs,
        "train_samples": model.shape.train_samples,
    }
    return [{"kind": "catalog", "name": model.name, "arguments": arguments, "shape": shape} for arguments in meant]


def recipe_of(model: nn.Module) -> dict[str, Any]:
    """A Hugging Face model's recipe, where the model is one of transformers' own; else only the name of its type."""
    transformers = sys.modules.get("transformers")  # a model of theirs cannot exist before they are imported
    if transformers is None or not isinstance(model, transformers.PreTrainedModel):
        return {"kind": "own", "type": type(model).__name__}
    name, config = type(model).__name__, model.config
    if type(model) is not _own_class(name) or config.model_type not in transformers.CONFIG_MAPPING:
        return {"kind": "own", "type": name}
    attention = config._attn_implementation
    return {
        "kind": "transformers",
        "class": name,
        "config": _stripped(config.to_dict()),
        "attention": attention if attention in ATTENTIONS else None,
    }


def builder(recipe: dict[str, Any], tensors: int) -> Callable[[], nn.Module] | None:
    """A function that builds the dense model; None where only its owner can.

    Args:
        tensors: of the sparse model, which bounds how often a configuration may repeat a module.

    Raises:
        UnknownName, InvalidValue, CheckpointError: the recipe names what this installation does not have.
    """
    kind = recipe["kind"]
    if kind == "own":
        return None
    if kind == "catalog":
        card: ModelCard = catalog.get("model", recipe["name"])
        arguments = card.resolve(recipe["arguments"])
        shape = _shape(recipe["shape"])
        if shape.task != card.task:
            raise CheckpointError(f"The file gives {shape.task} to the model '{card.name}', which takes {card.task}.")
        build = catalog.load(card.build)
        return lambda: fresh(lambda: build(shape, **arguments), seed=0)
    if kind == "transformers":
        check_counts(recipe["config"], tensors)
        return _hugging_face(recipe)
    raise CheckpointError(
        f"The file has a recipe of the kind {kind!r}; this version knows catalog, transformers and own."
    )


def _shape(value: dict[str, Any]) -> DataShape:
    return DataShape(
        value["task"], tuple(int(n) for n in value["input_shape"]), int(value["outputs"]), int(value["train_samples"])
    )


def _hugging_face(recipe: dict[str, Any]) -> Callable[[], nn.Module]:
    try:
        transformers = import_module("transformers")
    except ImportError as error:
        raise CheckpointError("The file holds a Hugging Face model; reading it takes transformers.") from error
    kind = _own_class(recipe["class"])
    if kind is None:
        raise CheckpointError(
            f"The file holds a '{recipe['class']}', which is no model of transformers {transformers.__version__}."
        )
    values = _stripped(recipe["config"])
    model_type = values.get("model_type")
    if model_type not in transformers.CONFIG_MAPPING:
        raise CheckpointError(f"The file's configuration has the model type {model_type!r}, unknown to transformers.")
    if not issubclass(transformers.CONFIG_MAPPING[model_type], kind.config_class):
        raise CheckpointError(f"The file gives a configuration of '{model_type}' to a '{recipe['class']}'.")
    attention = recipe["attention"]

    def build() -> nn.Module:
        config = transformers.CONFIG_MAPPING[model_type].from_dict(_stripped(values))
        if attention in ATTENTIONS:
            config._attn_implementation = attention
        _check_backbones(config.to_dict())  # its defaults may name one that the file does not
        model: nn.Module = fresh(lambda: kind(config), seed=0)
        return model

    return build


def _own_class(name: str) -> Any:
    """The model class of transformers with this name; None if there is none, or its code lives elsewhere."""
    transformers: Any = import_module("transformers")
    kind = getattr(transformers, name, None) if name.isidentifier() and not name.startswith("_") else None
    is_model = isinstance(kind, type) and issubclass(kind, transformers.PreTrainedModel)
    return kind if is_model and kind.__module__.startswith("transformers.models.") else None


def _stripped(config: Any) -> Any:
    """A configuration, nested ones included, without what names code or weights from elsewhere.

    Raises:
        InvalidValue: its backbone would come from timm or the hub.
    """
    if isinstance(config, list | tuple):
        return [_stripped(item) for item in config]
    if not isinstance(config, dict):
        return config
    _check_backbone(config)
    kept = {}
    for key, value in config.items():
        if key in FOREIGN_KEYS or "implementation" in str(key):
            continue
        kept[key] = _stripped(value)
    return kept


def _check_backbones(config: Any) -> None:
    """Refuse a configuration that has, at any depth, a backbone from elsewhere."""
    if isinstance(config, dict):
        _check_backbone(config)
    if isinstance(config, dict | list | tuple):
        for value in config.values() if isinstance(config, dict) else config:
            _check_backbones(value)


def _check_backbone(config: dict[str, Any]) -> None:
    names = import_module("transformers.models.auto.modeling_auto").MODEL_MAPPING_NAMES
    kind = config.get("model_type")
    classes = names.get(kind, "") if isinstance(kind, str) else ""  # Gemma 3n's vision_config is timm's by its class
    if isinstance(config.get("backbone"), str) or "timm" in f"{kind} {classes}".lower():
        raise InvalidValue("The configuration takes a backbone from timm or the hub, from which nothing is fetched.")
