"""What a sparse model's modules are, over the dense model's: attentions taken apart, and the families' blocks.

As JSON, so that a file can say it; applied to a dense model, it gives the sparse model's modules without their weights.
"""

import copy
from typing import Any, cast

from torch import nn

from sparseift.attention import SeparateAttention
from sparseift.errors import CheckpointError, InvalidValue
from sparseift.families.blocks import Block, Doped, Factorized, Packed, Parallel
from sparseift.families.family import NONLINEARITIES
from sparseift.families.kinds import LAYERS, Layer, is_hugging_face_conv1d, plain, split
from sparseift.replacement import Swaps

KINDS: dict[str, type[Block]] = {"parallel": Parallel, "factorized": Factorized, "doped": Doped}
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
PLAIN_SIGMAS: dict[type[nn.Module], str] = {nn.Identity: "identity", nn.ReLU: "relu", nn.GELU: "gelu"}


def describe(model: nn.Module) -> dict[str, Any]:
    """The modules that a dense model of the same code does not have, outermost first.

    Returns:
        {"modules": [{"name", "kind", …}], "transposed": [names of the Hugging Face `Conv1D`s that are left]}

    Raises:
        InvalidValue: the model itself is a block (then nothing says what it is part of), or a block has another σ.
    """
    modules: list[dict[str, Any]] = []
    inside: list[str] = []  # of blocks that were described whole
    for name, module in model.named_modules():
        if any(name.startswith(outer) for outer in inside):
            continue
        if isinstance(module, Block | Packed):
            if not name:
                raise InvalidValue(f"A {type(module).__name__} block alone cannot be saved; save the model around it.")
            modules.append({"name": name, **_describe(module)})
            inside.append(f"{name}.")
        elif isinstance(module, SeparateAttention):
            modules.append({"name": name, "kind": "attention"})
    transposed = [name for name, module in model.named_modules() if is_hugging_face_conv1d(module)]
    return {"modules": modules, "transposed": transposed}


def _describe(module: Block | Packed) -> dict[str, Any]:
    if isinstance(module, Packed):
        return {"kind": "packed", "parts": [_describe(cast(Block, part)) for part in module.parts]}
    kind = next(kind for kind, block in KINDS.items() if isinstance(module, block))
    if isinstance(module, Parallel):
        return {"kind": kind, "size": len(module.branches), "sigma": _sigma(module.sigma[0])}
    return {"kind": kind, "size": module.u.weight.shape[0], "sigma": _sigma(module.sigma)}


def _sigma(module: nn.Module) -> str:
    """The name of a nonlinearity, see `sparseift.families.blocks.nonlinearity`."""
    if isinstance(module, NORMS):
        return "bn"
    if isinstance(module, nn.Sequential) and [type(m) for m in module.children()][1:] == [nn.ReLU]:
        return "bn_relu" if isinstance(module[0], NORMS) else _unknown(module)
    return next((name for kind, name in PLAIN_SIGMAS.items() if type(module) is kind), "") or _unknown(module)


def _unknown(module: nn.Module) -> str:
    raise InvalidValue(f"A block has the nonlinearity {module}; a file can name {', '.join(NONLINEARITIES[1:])}.")


def apply(model: nn.Module, structure: dict[str, Any], swaps: Swaps) -> None:
    """Give a dense model the described modules. Their tensors are on the meta device: a file has the values.

    Args:
        swaps: of this model; its `undo` takes everything back.

    Raises:
        CheckpointError: the model has no such layer, or a block does not fit it.
    """
    for entry in structure["modules"]:
        name = entry["name"]
        try:
            module = copy.deepcopy(model.get_submodule(name)).to("meta")
        except AttributeError:
            raise CheckpointError(
                f"The file has a sparse layer '{name}', and the model no layer of that name."
            ) from None
        try:
            swaps.put(name, _built(module, entry).train(module.training))
        except (ValueError, TypeError, KeyError, LookupError, RuntimeError) as error:
            raise CheckpointError(f"The file's layer '{name}' does not fit the model's {module}: {error}") from error
    left = set(structure["transposed"])
    blocks = tuple(f"{entry['name']}." for entry in structure["modules"])
    for name, module in list(model.named_modules()):
        if is_hugging_face_conv1d(module) and name not in left and not name.startswith(blocks):
            swaps.put(name, plain(copy.deepcopy(module).to("meta")))  # folded by `squash`, or replaced by its owner


def _built(module: nn.Module, entry: dict[str, Any]) -> nn.Module:
    kind = entry["kind"]
    if kind == "attention":
        if type(module) is not nn.MultiheadAttention:
            raise ValueError("it is no nn.MultiheadAttention.")
        return SeparateAttention(module)
    if not isinstance(module, LAYERS) and not is_hugging_face_conv1d(module):
        raise ValueError("it is no linear or convolution layer.")
    layer = plain(module)
    if kind == "packed":
        parts = split(cast(nn.Linear, layer), len(entry["parts"]))
        return Packed(_block(part, e) for part, e in zip(parts, entry["parts"], strict=True))
    return _block(layer, entry)


def _block(layer: Layer, entry: dict[str, Any]) -> Block:
    block = KINDS[entry["kind"]](layer, int(entry["size"]), str(entry["sigma"]))
    for parameter in block.parameters():
        parameter.requires_grad_(layer.weight.requires_grad)
    return block
