"""A sparse model in one safetensors file that says how to rebuild it: `save`, `load` and `read_card`. No pickle.

Of a masked weight the file has the values that its mask keeps and the mask at one bit a weight; everything else is
stored as it is, tied tensors once. The header's metadata holds JSON: the format's version, the card, the recipe of the
dense model, the structure that the sparse one has over it, and the table of tensors; and a digest of all of it.
"""

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from sparseift.errors import CheckpointError, InvalidValue, SparseIFTError
from sparseift.export import structure
from sparseift.export.bounds import bounded, check_unstored
from sparseift.export.card import Card, library_version
from sparseift.export.copies import unwrapped
from sparseift.export.recipe import CatalogModel, builder, catalog_recipes, recipe_of
from sparseift.export.tensors import Table, assign, digest_of, packed, tensors_of, values_of
from sparseift.masks.state import SUFFIX, TARGET_SUFFIX, masks_of, owner_of
from sparseift.replacement import Swaps

FORMAT = 1
METADATA, DIGEST = "sparseift", "sparseift_sha256"


def save(model: nn.Module, path: str | Path, card: Card | None = None, source: CatalogModel | None = None) -> Card:
    """Write a model, sparse or not, to one file; whole or not at all.

    Args:
        model: inside `torch.compile`, `DataParallel` or `DistributedDataParallel` or not; the model within is written.
        card: what is known of it; sizes and sparsity are measured, the library's version is filled in.
        source: a catalog model's name, shape and arguments, so that `load` needs only the file. A model of
            transformers' own needs none. Any other model is rebuilt from its owner's dense one.

    Returns:
        The card as written.

    Raises:
        InvalidValue: a masked weight is not zero under its mask, a tensor is not strided or holds no data, a module
            keeps state that is no tensor, or the catalog's model has other tensors.
        UnknownName: the catalog has no such model.
        CheckpointError: the disk refuses.
    """
    path, model = Path(path), unwrapped(model)
    card = _measured(model, card or Card())
    described = structure.describe(model)
    table, tensors = packed(model)
    recipe = _recipe(model, card, source, described, table)
    content = {
        "format": FORMAT,
        "card": card.to_json(),
        "recipe": recipe,
        "structure": described,
        "training": model.training,
        "tensors": table,
    }
    try:
        text = json.dumps(content)
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"The card or the configuration is no JSON: {error}.") from error
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        save_file(tensors, beside, {"format": "pt", METADATA: text, DIGEST: digest_of(text, tensors)})
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} could not be written: {error}.") from error
    finally:
        beside.unlink(missing_ok=True)
    return card


def _recipe(
    model: nn.Module, card: Card, source: CatalogModel | None, described: dict[str, Any], table: Table
) -> dict[str, Any]:
    """The recipe that gives this model's tensors; a Hugging Face model that was altered by hand is its owner's."""
    if source is None:
        own = {"kind": "own", "type": type(model).__name__}
        try:
            recipe = recipe_of(model)
            _check_recipe(recipe, described, table)
        except Exception:  # whatever a model's code raises that is given another's configuration
            return own
        return recipe
    refusal: SparseIFTError | None = None
    for recipe in catalog_recipes(source, card.family, card.nominal_sparsity):
        try:
            _check_recipe(recipe, described, table)
        except CheckpointError as error:
            refusal = refusal or error
        else:
            return recipe
    raise InvalidValue(f"The recipe does not rebuild this {type(model).__name__}: {refusal}") from refusal


def _check_recipe(recipe: dict[str, Any], described: dict[str, Any], table: Table) -> None:
    """Refuse a recipe whose model, with this structure, has other tensors than the table."""
    build = builder(recipe, len(table))
    if build is not None:
        _rehearsed(build, described, table)


def _rehearsed(build: Callable[[], nn.Module], described: dict[str, Any], table: Table) -> nn.Module:
    """The model that a table fits, on the meta device and of bounded size: a false recipe costs next to nothing.

    Raises:
        CheckpointError: it has other tensors than the table.
    """
    with bounded(len(table)):
        with torch.device("meta"):
            model = build()
        _prepare(model, described, table, Swaps(model))
    return model


def load(path: str | Path, model: nn.Module | None = None) -> nn.Module:
    """The model of a file: on the CPU, or where `model` is; in the mode, training or evaluation, that it was saved in.

    Args:
        model: a dense model built as the saved one was before it was transformed; it gets the file's structure, masks
            and weights, in place. Needed where the file holds neither a catalog's nor a Hugging Face model.

    Raises:
        CheckpointError: the file is missing, truncated, corrupt, foreign or of a newer version, or does not fit the
            model, which is then as it was.
        InvalidValue: a model is needed and none was given, or it is sparse already.
    """
    content, text, digest = _header(Path(path))
    try:
        with safe_open(path, framework="pt") as file:
            # Copied: the tensors are mapped to the file, whatever becomes of it, at addresses that kernels dislike.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}.") from error
    if digest_of(text, tensors) != digest:
        raise CheckpointError(f"{path} is corrupt: its content is not what was written.")
    if model is None and content["recipe"].get("kind") == "own":
        raise InvalidValue(
            f"{path} holds a {content['recipe'].get('type')}, which neither the catalog nor transformers rebuilds; "
            "pass a dense one: load(path, model=…)."
        )
    if model is not None and (masks_of(model) or structure.describe(model)["modules"]):
        raise InvalidValue("The model is sparse already; load into a dense one, built as before it was transformed.")
    try:
        return _rebuilt(content, tensors, model)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        LookupError,
        RuntimeError,
        ImportError,
        SparseIFTError,
    ) as error:
        raise CheckpointError(f"{path} cannot be rebuilt: {error}") from error


def read_card(path: str | Path) -> Card:
    """The card of a file; its tensors are not read.

    Raises:
        CheckpointError: as `load`, as far as the header shows it.
    """
    return Card.from_json(_header(Path(path))[0]["card"])


def _header(path: Path) -> tuple[dict[str, Any], str, str]:
    """The metadata of a file: as JSON, as text, and the digest."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}.") from error
    if METADATA not in metadata or DIGEST not in metadata:
        raise CheckpointError(f"{path} was not written by sparseift.export: its header names no model.")
    try:
        content = json.loads(metadata[METADATA])
        version = int(content["format"])
        sections = {"card": dict, "recipe": dict, "structure": dict, "tensors": dict, "training": bool}
        sound = version != FORMAT or all(isinstance(content[name], kind) for name, kind in sections.items())
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is corrupt: its header cannot be read ({error}).") from error
    if version != FORMAT:
        raise CheckpointError(f"{path} has the format {version}; this version of sparseift reads {FORMAT}.")
    if not sound:
        raise CheckpointError(f"{path} is corrupt: its header lacks a section.")
    return content, metadata[METADATA], metadata[DIGEST]


def _rebuilt(content: dict[str, Any], tensors: dict[str, Tensor], model: nn.Module | None) -> nn.Module:
    table: Table = content["tensors"]
    values: dict[str, Tensor] | None = None
    if model is None:
        build = builder(content["recipe"], len(table))
        assert build is not None  # asked before
        rehearsed = _rehearsed(build, content["structure"], table)
        values = values_of(rehearsed, table, tensors)
        check_unstored(rehearsed, tensors)
        model = build()  # now that what is stored is known to be of the size that this allocates
    swaps = Swaps(model)
    device = next((t.device for _, _, t in tensors_of(model) if not t.is_meta), torch.device("cpu"))
    try:
        _prepare(model, content["structure"], table, swaps)
        values = values_of(model, table, tensors) if values is None else values
    except BaseException:
        swaps.undo()
        _drop_masks(model)
        raise
    assign(model, table, values, device)
    return model.train(content["training"])


def _prepare(model: nn.Module, described: dict[str, Any], table: Table, swaps: Swaps) -> None:
    """Give a dense model the file's structure and (empty) masks, and check that the file has all of its tensors.

    Raises:
        CheckpointError: it does not.
    """
    structure.apply(model, described, swaps)
    try:
        for name in table:
            if name.endswith((SUFFIX, TARGET_SUFFIX)):
                owner, leaf = owner_of(model, name)
                if leaf.removesuffix(SUFFIX).removesuffix(TARGET_SUFFIX) in owner._parameters:
                    shape = tuple(table[name]["shape"])
                    owner.register_buffer(leaf, torch.empty(shape, dtype=torch.uint8, device="meta"))
        expected = {name: tuple(tensor.shape) for name, persistent, tensor in tensors_of(model) if persistent}
        given = {name: tuple(entry["shape"]) for name, entry in table.items() if not entry.get("transient")}
        for what, names in (("lacks", expected.keys() - given.keys()), ("has", given.keys() - expected.keys())):
            if names:
                listed = ", ".join(f"'{name}'" for name in sorted(names)[:3]) + (", …" if len(names) > 3 else "")
                where = "that the model has" if what == "lacks" else "that the model has not"
                raise CheckpointError(f"the file {what} {listed}, {where}.")
        for name, shape in expected.items():
            if given[name] != shape:
                raise CheckpointError(f"'{name}' has the shape {given[name]} in the file and {shape} in the model.")
    except BaseException:
        _drop_masks(model)
        raise


def _drop_masks(model: nn.Module) -> None:
    """Undo what `_prepare` registered on layers that were there before."""
    for module in model.modules():
        for leaf in [leaf for leaf, buffer in module._buffers.items() if buffer is not None and buffer.is_meta]:
            if leaf.endswith((SUFFIX, TARGET_SUFFIX)):
                delattr(module, leaf)


def _measured(model: nn.Module, card: Card) -> Card:
    masks = masks_of(model).values()
    total = sum(mask.numel() for mask in masks)
    zeros = total - sum(int(torch.count_nonzero(mask)) for mask in masks)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return replace(
        card,
        sparsity=zeros / total if total else 0.0,
        parameters=parameters,
        nonzero_parameters=parameters - zeros,
        library_version=library_version(),
    )
