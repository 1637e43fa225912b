"""Layers exchanged for others inside a model, in every place where they stand, and put back when a size is refused."""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import cast

from torch import nn

from sparseift import catalog
from sparseift.attention import SeparateAttention
from sparseift.construction import seeded
from sparseift.errors import InvalidValue
from sparseift.families.blocks import Block, Packed
from sparseift.families.family import Family
from sparseift.families.kinds import Layer, plain, shape_of, split
from sparseift.layers import Roles
from sparseift.records import derive_seed

# Projections that pack q, k and v into one matrix, by the names that the field gives them: each third is a layer of
# its own to the paper, which transforms q, k and v. Taken only where the outputs are exactly so many times the inputs.
PACKED = {"*qkv": 3, "*Wqkv": 3, "*c_attn": 3, "*in_proj": 3, "*query_key_value": 3, "*qkv_proj": 3}


class Swaps:
    """What was exchanged, so that it can be undone."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._done: list[tuple[nn.Module, str, object]] = []

    def put(self, name: str, module: nn.Module) -> None:
        """Put `module` where `name` stands, and everywhere else where the same module stands."""
        old = self._model.get_submodule(name)
        parents = {id(m): m for m in self._model.modules()}.values()
        for parent in parents:
            for leaf, child in parent._modules.items():
                if child is old:
                    self._set(parent, leaf, module)
        for path in _around(name):
            layer = self._model.get_submodule(path)
            # Their fused inference paths read the weights of the layers that they were built with.
            if isinstance(layer, nn.TransformerEncoderLayer):
                self._set(layer, "activation_relu_or_gelu", 0)
            if isinstance(layer, nn.TransformerEncoder):
                self._set(layer, "use_nested_tensor", False)

    def undo(self) -> None:
        """Put everything back."""
        while self._done:
            owner, name, value = self._done.pop()
            setattr(owner, name, value)

    def _set(self, owner: nn.Module, name: str, value: object) -> None:
        self._done.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)


def take_attention_apart(model: nn.Module, swaps: Swaps, keep: Roles | None = None) -> None:
    """Give every `nn.MultiheadAttention` separate projections; those that cannot be taken apart stay as they are.

    Args:
        keep: take apart only those of which a projection has a role; None takes all apart for a look, and lets each
            be recognised as what it was.
    """
    touched = () if keep is None else (*keep.transform, *keep.mask_only)
    for name, module in list(model.named_modules()):
        if type(module) is not nn.MultiheadAttention or not name:
            continue
        if module.bias_k is not None or module.add_zero_attn:
            continue
        if keep is None or any(layer.startswith(f"{name}.") for layer in touched):
            apart = SeparateAttention(module)
            apart.stands_for = (module,) if keep is None else ()  # in a tuple: it is no submodule
            swaps.put(name, apart)


def replace_layers(
    model: nn.Module,
    family: Family,
    nominal_sparsity: float,
    roles: Roles,
    sigma: str,
    seed: int,
    packed: Mapping[str, int] | None = None,
) -> Swaps:
    """Put a module-local family's blocks in place of the layers that are transformed, with fresh weights.

    Args:
        packed: glob over module names -> how many projections a layer packs; None for `PACKED`.

    Raises:
        Infeasible: the family has no such sparsity (Parallel).
        InvalidValue: a layer that does not consist of so many equal projections.
    """
    assert family.size is not None
    block_type = catalog.load(family.block)
    swaps = Swaps(model)

    _check_packed(model, packed)

    def block_for(layer: Layer) -> Block:
        assert family.size is not None
        block: Block = block_type(layer, family.size(shape_of(layer), nominal_sparsity), sigma)
        return block

    try:
        with seeded(derive_seed(seed, "blocks")):
            for name in roles.transform:
                put_blocks(swaps, name, projections_of(name, model.get_submodule(name), packed), block_for)
    except BaseException:
        swaps.undo()
        raise
    return swaps


def put_blocks(swaps: Swaps, name: str, layers: Sequence[Layer], block_for: Callable[[Layer], Block]) -> None:
    """Put a block for each projection of a layer in its place, as trainable as the layer is and in its mode."""
    blocks = []
    for layer in layers:
        block = block_for(layer)
        for parameter in block.parameters():
            parameter.requires_grad_(layer.weight.requires_grad)
        if block.output.bias is not None:
            block.output.bias.requires_grad_(cast(nn.Parameter, layer.bias).requires_grad)
        blocks.append(block)
    together: nn.Module = blocks[0] if len(blocks) == 1 else Packed(blocks)
    swaps.put(name, together.train(layers[0].training))


def projections_of(name: str, module: nn.Module, packed: Mapping[str, int] | None = None) -> list[Layer]:
    """The layer, or the projections that it packs, as layers of their own; arguments and errors as `replace_layers`."""
    layer = plain(module)
    parts = _packs(name, layer, packed)
    if parts == 1:
        return [layer]
    assert isinstance(layer, nn.Linear)
    return list(split(layer, parts))


def _check_packed(model: nn.Module, packed: Mapping[str, int] | None) -> None:
    names = [name for name, _ in model.named_modules()]
    for glob, parts in (packed or {}).items():
        if parts < 1:
            raise InvalidValue(f"packed says that '{glob}' packs {parts} projections; it must be at least 1.")
        if not any(fnmatchcase(name, glob) for name in names):
            raise InvalidValue(f"packed names '{glob}', but no module of {type(model).__name__} is called so.")


def _packs(name: str, layer: Layer, packed: Mapping[str, int] | None) -> int:
    """How many projections a layer packs."""
    globs = PACKED if packed is None else packed
    parts = next((n for glob, n in globs.items() if fnmatchcase(name, glob)), 1)
    if parts == 1:
        return 1
    fits = isinstance(layer, nn.Linear) and layer.out_features % parts == 0
    if packed is None:
        return parts if fits and layer.weight.shape[0] == parts * layer.weight.shape[1] else 1
    if not fits:
        raise InvalidValue(f"The layer '{name}' does not consist of {parts} equal projections: {layer}.")
    return parts


def _around(name: str) -> list[str]:
    """The names of the modules that a module is inside of."""
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(len(parts))]
