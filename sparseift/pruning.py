"""Sparse Wide for built models that know no width of their own: every interior dimension grows k times, or none does.

Which dimensions belong together is read off Torch-Pruning's dependency graph (`sparseift.coupling`), which was made to
take channels away; growing them is ours. It suits convolutional networks and plain stacks of layers. What it cannot
follow (dimensions written into the forward, raw parameters, attention heads) is refused: a builder with a width
argument is always the better source.
"""

import math
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from sparseift.construction import fresh
from sparseift.coupling import Coupling, Couplings, couplings
from sparseift.errors import InvalidValue
from sparseift.example import Example
from sparseift.growth import GROWTH, Side, grow, is_depthwise, size_of
from sparseift.rehearsal import call, meta_stand_ins, untouched
from sparseift.widener import Widener

TIMEOUT = 60.0  # seconds for tracing a model
TOLERANCE = 0.25  # relative, of a layer's side: rounding, and what is concatenated with an input
ADVICE = "Pass a builder with a width argument instead: widen(lambda width: …, s, example, width=…)."
Sizes = dict[Side, int]


def widener(model: nn.Module, example: Example, *, timeout: float = TIMEOUT) -> Widener:
    """How a built model is widened; its widest interior dimension is called its width.

    Args:
        model: on any device, the meta device included; left as it is.
        example: one sample.
        timeout: seconds for tracing.

    Raises:
        InvalidValue: the model cannot be followed; `build` raises it too where the widened model fails verification.
    """
    found = _couplings(model, example, timeout)
    widest = max(found.interior, key=lambda c: c.channels)

    def build(width: int) -> nn.Module:
        return _grown(model, example, found, width / widest.channels)

    return Widener(build, widest.channels, widest.multiple)


def widen_model(
    model: nn.Module, example: Example, factor: float, *, seed: int = 0, timeout: float = TIMEOUT
) -> nn.Module:
    """A copy with every interior dimension `factor` times as large and fresh weights; inputs and outputs stay.

    Weights are drawn normal at the scale of the model's own, times √(old inputs / new inputs); biases and norms that
    are constant stay so; statistics of batch norms start anew.

    Args:
        factor: k ≥ 1. Dimensions are rounded to the nearest integer, or multiple of their groups.
        seed: of the weights.
        others: as `widener`.

    Raises:
        InvalidValue: as `widener`, or a factor below 1.
    """
    if not factor >= 1.0 or math.isinf(factor):
        raise InvalidValue(f"factor is {factor:g}; it must be at least 1.")
    found = _couplings(model, example, timeout)
    return fresh(lambda: _grown(model, example, found, factor), seed)


def _couplings(model: nn.Module, example: Example, timeout: float) -> Couplings:
    try:
        found = couplings(model, example, timeout)
    except InvalidValue as error:
        raise _refusal(model, str(error)) from error
    if not found.interior:
        raise _refusal(model, "The dependency graph found no interior dimension.")
    return found


def _grown(model: nn.Module, example: Example, found: Couplings, factor: float) -> nn.Module:
    """The widened copy, verified. On the meta device where that is torch's default at the moment."""
    sizes = _sizes(model, found.interior, factor)
    device = torch.device("meta") if torch.get_default_device().type == "meta" else None
    wide = deepcopy(model)
    for name, new in sizes.items():
        layer = wide.get_submodule(name)
        _check_growable(model, name, layer)
        grow(layer, new, device)
    _verify(model, wide, example, found, sizes, factor)
    return wide


def _sizes(model: nn.Module, interior: tuple[Coupling, ...], factor: float) -> dict[str, Sizes]:
    """The new size of every side that grows, by module name."""
    grown: dict[str, Sizes] = {}
    for coupling in interior:
        wide = coupling.multiple * round(coupling.channels * factor / coupling.multiple)
        for (name, side), entries in coupling.shares.items():
            layer, sizes = model.get_submodule(name), grown.setdefault(name, {})
            if type(layer) in GROWTH:  # else it is refused later, by name
                extra = entries * max(0, wide - coupling.channels) // coupling.channels
                sizes[side] = sizes.get(side, size_of(layer, side)) + extra
    return grown


def _check_growable(model: nn.Module, name: str, layer: nn.Module) -> None:
    if type(layer) not in GROWTH:
        raise _refusal(model, f"'{name}' is a {type(layer).__name__}, which cannot be grown.")
    own = {id(p) for p in model.get_submodule(name).parameters(recurse=False)}
    for other, module in model.named_modules():
        if module is not model.get_submodule(name) and any(id(p) in own for p in module.parameters(recurse=False)):
            raise _refusal(model, f"The weights of '{name}' are tied to those of '{other}'.")
    if isinstance(layer, nn.LayerNorm) and len(layer.normalized_shape) > 1:
        raise _refusal(model, f"'{name}' normalises over {len(layer.normalized_shape)} dimensions at once.")


def _verify(
    model: nn.Module, wide: nn.Module, example: Example, found: Couplings, sizes: dict[str, Sizes], factor: float
) -> None:
    """Raise unless the widened model runs, answers in the same shapes, and left no layer between the ends behind."""
    for name in sorted(found.layers):
        layer = model.get_submodule(name)
        checked: tuple[Side, ...] = ("out",) if is_depthwise(layer) else ("in", "out")
        for side in checked:
            if name in (found.reads_input if side == "in" else found.feeds_output):
                continue
            _check_growable(model, name, layer)
            old = size_of(layer, side)
            new = sizes.get(name, {}).get(side, old)
            if abs(new - factor * old) > max(TOLERANCE * factor * old, 1.0):
                change = f"would have {new} {side}puts instead of {factor:.2f} · {old}"
                raise _refusal(model, f"'{name}' lies between the ends, but {change}.")
    before = _output_shapes(model, example)
    try:
        after = _output_shapes(wide, example)
    except Exception as error:
        raise _refusal(model, f"The widened model does not run: {error}") from error
    if before != after:
        raise _refusal(model, f"The outputs would change their shapes, from {before} to {after}.")


def _output_shapes(model: nn.Module, example: Example) -> list[tuple[int, ...]]:
    with torch.no_grad(), untouched(model):
        out = call(model.eval(), meta_stand_ins(model), example)
    return [tuple(t.shape) for t in tree_leaves(out) if isinstance(t, Tensor)]


def _refusal(model: nn.Module, reason: str) -> InvalidValue:
    return InvalidValue(f"{type(model).__name__} cannot be widened automatically. {reason} {ADVICE}")
