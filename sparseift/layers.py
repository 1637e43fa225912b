"""Which layers of a model are transformed, which are masked only, and which stay dense."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn

from sparseift.errors import NothingToTransform
from sparseift.flops import FlopCount


@dataclass(frozen=True, slots=True)
class Roles:
    """Module names in model order. What is in neither stays dense."""

    transform: tuple[str, ...]
    mask_only: tuple[str, ...]


def assign_roles(
    model: nn.Module, counted: FlopCount, dense: Iterable[str] | None = None, mask_only: Iterable[str] = ()
) -> Roles:
    """Give every `nn.Linear` and `nn.Conv2d` its role.

    Always dense: layers that the forward does not use, subclasses of the two (their makers may read the weights),
    shared layers and tied weights (an embedding shared with the head), depthwise
    convolutions (one input channel per group: the rest pays for them), and all that is no linear or
    convolution layer (embeddings, norms, biases).

    Args:
        model: as built, before any transformation.
        counted: its FLOP count, for what is used and in which order.
        dense: globs over module names that stay dense. None picks the paper's default without looking at any dimension:
            what the forward reads first (the stem, or an embedding) and the last layer, the head.
        mask_only: globs over module names that are masked but not transformed (1×1 shortcuts in the official code).

    Raises:
        NothingToTransform: no layer is left to transform.
    """
    registered = [m for _, m in model.named_modules(remove_duplicate=False)]
    owners = Counter(id(p) for m in registered for p in m.parameters(recurse=False))
    if dense is None:
        dense = [n.rpartition(".")[0] for n in (counted.first_read, *list(counted.weights)[-1:])]
    dense, mask_only = tuple(dense), tuple(mask_only)
    transform: list[str] = []
    only: list[str] = []
    for name, module in model.named_modules():
        eligible = (
            type(module) in (nn.Linear, nn.Conv2d)
            and f"{name}.weight" in counted.weights
            and owners[id(module.weight)] == 1
            and not (isinstance(module, nn.Conv2d) and module.groups > 1 and module.groups == module.in_channels)
        )
        if not eligible or any(fnmatchcase(name, glob) for glob in dense):
            continue
        (only if any(fnmatchcase(name, glob) for glob in mask_only) else transform).append(name)
    if not transform:
        raise NothingToTransform(
            f"{type(model).__name__} has nothing to transform: none of its layers is a linear or convolution "
            "layer that is used, not tied, not depthwise and not kept dense (stem and head are by default)."
        )
    return Roles(tuple(transform), tuple(only))
