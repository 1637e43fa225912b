"""A model's tensors as a file stores them: masked weights without their zeros, masks as bits, tied tensors once."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from sparseift.errors import CheckpointError, InvalidValue
from sparseift.export.bitmask import pack, unpack
from sparseift.masks.state import SUFFIX, masks_of, owner_of

# Qualified name -> {"form", "shape", "transient"} and, but for "same", {"dtype", "key"}. The forms: "dense" (as it is),
# "sparse" (the values under the mask), "bits" (a mask), "same" (tied to the tensor "as"). Transient: not in the state.
Table = dict[str, dict[str, Any]]


def tensors_of(model: nn.Module) -> Iterator[tuple[str, bool, Tensor]]:
    """(qualified name, whether the state has it, tensor) of all parameters and buffers, under all their names."""
    for path, module in model.named_modules(remove_duplicate=False):
        for leaf, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                yield f"{path}.{leaf}" if path else leaf, leaf not in module._non_persistent_buffers_set, tensor


def packed(model: nn.Module) -> tuple[Table, dict[str, Tensor]]:
    """The table of a model's tensors, and what is stored of them, on the CPU.

    Raises:
        InvalidValue: a masked weight is not zero under its mask, a tensor is not strided or holds no data, or a module
            keeps state that is no tensor.
    """
    for name, module in model.named_modules():
        if type(module).get_extra_state is not nn.Module.get_extra_state:
            raise InvalidValue(
                f"The module '{name}' ({type(module).__name__}) keeps extra state, which no tensor holds."
            )
    masks = masks_of(model)
    table: Table = {}
    stored: dict[str, Tensor] = {}
    first: dict[int, str] = {}
    for name, persistent, tensor in tensors_of(model):
        if tensor.layout != torch.strided or tensor.is_meta:
            raise InvalidValue(
                f"'{name}' is {tensor.layout} on {tensor.device}; only strided tensors with data are saved."
            )
        entry: dict[str, Any] = {"form": "dense", "shape": list(tensor.shape), "transient": not persistent}
        value = tensor.detach()
        if id(tensor) in first:
            table[name] = {**entry, "form": "same", "as": first[id(tensor)]}
            continue
        first[id(tensor)] = name
        if name in masks:
            entry["form"], key = "sparse", f"{name}#values"
            stored[key] = _kept(name, value, masks[name]).to("cpu", copy=True)
        elif name.removesuffix(SUFFIX) in masks and name.endswith(SUFFIX):
            entry["form"], key = "bits", f"{name}#bits"
            stored[key] = pack(value)
        else:
            key = name
            stored[key] = value.to("cpu", copy=True).contiguous()
        table[name] = {**entry, "dtype": str(tensor.dtype).removeprefix("torch."), "key": key}
    return table, stored


def _kept(name: str, weight: Tensor, mask: Tensor) -> Tensor:
    """The values under the ones of a mask, row by row."""
    outside = int(torch.count_nonzero(weight[mask == 0]))
    if outside:
        raise InvalidValue(f"'{name}' has {outside} values under its mask that are not zero; mask the weight first.")
    return weight[mask != 0]


def value_of(name: str, table: Table, tensors: dict[str, Tensor]) -> Tensor:
    """A tensor of the model from what is stored of it.

    Raises:
        CheckpointError: what is stored does not give it.
    """
    entry = table[name]
    stored, shape = tensors[entry["key"]], tuple(entry["shape"])
    if entry["form"] == "bits":
        return unpack(stored, shape)
    if str(stored.dtype) != f"torch.{entry['dtype']}":
        raise CheckpointError(f"'{name}' is stored as {stored.dtype} and should be {entry['dtype']}.")
    if entry["form"] == "sparse":
        mask = value_of(name + SUFFIX, table, tensors).bool()
        if tuple(mask.shape) != shape or stored.shape != (int(mask.sum()),):
            raise CheckpointError(f"'{name}' has {stored.numel()} values for a mask of {int(mask.sum())} ones.")
        weight = torch.zeros(shape, dtype=stored.dtype)
        weight[mask] = stored
        return weight
    if tuple(stored.shape) != shape:
        raise CheckpointError(f"'{name}' is stored in the shape {tuple(stored.shape)} and should have {shape}.")
    return stored


def values_of(model: nn.Module, table: Table, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every tensor of the table but the tied ones, which are checked.

    Raises:
        CheckpointError: what is stored does not give them, or not to this model.
    """
    keys = Counter(entry["key"] for entry in table.values() if entry["form"] != "same")
    for key, count in keys.items():
        if count > 1:  # else a few bytes of one mask could become any number of large weights
            raise CheckpointError(f"what is stored as '{key}' is given to {count} tensors; it must be one's.")
    values = {name: value_of(name, table, tensors) for name, entry in table.items() if entry["form"] != "same"}
    present = {name: tensor for name, _, tensor in tensors_of(model)}
    for name, entry in table.items():
        value = values[entry["as"] if entry["form"] == "same" else name]
        if tuple(entry["shape"]) != tuple(value.shape):
            raise CheckpointError(f"'{name}' is tied to '{entry['as']}', which has another shape.")
        old = present.get(name)
        if (
            isinstance(old, nn.Parameter)
            and old.requires_grad
            and not (value.is_floating_point() or value.is_complex())
        ):
            raise CheckpointError(f"'{name}' is stored as {value.dtype}, which the model's parameter cannot be.")
    return values


def assign(model: nn.Module, table: Table, values: dict[str, Tensor], device: torch.device) -> None:
    """Put the values into the model, in the file's dtypes; tensors that were one when saved are one again."""
    known = {name for name, _, _ in tensors_of(model)}
    placed: dict[str, Tensor] = {}
    for name, entry in table.items():
        if entry["transient"] and name not in known:
            continue  # a buffer that another version of the model's code no longer keeps
        owner, leaf = owner_of(model, name)
        if entry["form"] == "same":
            new = placed[entry["as"]]
        else:
            new = values[name].to(device)
            old = owner._parameters.get(leaf)
            if old is not None:
                new = nn.Parameter(new, requires_grad=old.requires_grad)
        placed[name] = new
        if isinstance(new, nn.Parameter):
            owner._parameters[leaf] = new
        else:
            owner._buffers[leaf] = new


def digest_of(text: str, tensors: dict[str, Tensor]) -> str:
    """Of the metadata and of every stored byte."""
    sha = hashlib.sha256(text.encode())
    for key in sorted(tensors):
        sha.update(key.encode())
        sha.update(tensors[key].reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()
