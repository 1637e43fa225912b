"""Catalog models, sized and built for one trial."""

from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor, nn

from sparseift import catalog
from sparseift.cards import ModelCard
from sparseift.construction import fresh
from sparseift.errors import Infeasible, InvalidValue
from sparseift.families.family import Family
from sparseift.families.wide import wide_size
from sparseift.flops import FlopCount, count
from sparseift.isoflop import with_nearest
from sparseift.layers import Rule, assign_roles
from sparseift.ledger import Network
from sparseift.records import DENSE, Arguments, DataShape, Point, Scope
from sparseift.replacement import replace_layers
from sparseift.shapes import Shapes
from sparseift.sizing import Masking, Sized, network
from sparseift.widening import wide_scale

Frozen = tuple[tuple[str, int | float], ...]  # Arguments that can be a key


def example_of(shape: DataShape) -> Tensor:
    """One sample on the meta device: (1, C, H, W) floats for images, (1, T) token ids for text."""
    dtype = torch.float32 if shape.task == "images" else torch.int64
    return torch.empty((1, *shape.input_shape), dtype=dtype, device="meta")


def build_sparse(
    card: ModelCard,
    arguments: Arguments,
    shape: DataShape,
    family: str,
    nominal_sparsity: float,
    *,
    scope: Scope = "model",
    nonlinearity: str = "default",
    distribution: str = "uniform",
    seed: int = 0,
) -> tuple[nn.Module, Point]:
    """A catalog model under a family, its masks attached, on the CPU.

    Args:
        arguments: of the model's builder, for the dense width; defaults are filled in.
        family: a name of the families' catalog, or "dense" (then the sparsity is ignored, because dense has none).
        seed: of weights and masks.

    Raises:
        UnknownName, InvalidValue, NothingToTransform, Infeasible.
    """
    if family == DENSE:
        model = fresh(lambda: _build(card, card.resolve(arguments), shape), seed)
        return model, dense_point(card, arguments, shape)
    masking = Masking(scope, distribution, seed=seed)
    try:
        model, sized, scale = _sized(card, arguments, shape, family, nominal_sparsity, nonlinearity, masking)
    except Infeasible as refusal:

        def attempt(sparsity: float) -> Point:
            return plan_point(card, arguments, shape, family, sparsity, scope=scope, nonlinearity=nonlinearity)

        raise with_nearest(refusal, nominal_sparsity, attempt) from None
    masking.attach(model, sized)
    return model, sized.point(family, nominal_sparsity, scale)


def plan_point(
    card: ModelCard,
    arguments: Arguments,
    shape: DataShape,
    family: str,
    nominal_sparsity: float,
    *,
    scope: Scope = "model",
    nonlinearity: str = "default",
) -> Point:
    """The point that `build_sparse` would achieve with uniform density, without a byte of weights.

    Raises:
        As `build_sparse`, without the nearest feasible sparsities.
    """
    return plan_model(card, arguments, shape, family, nominal_sparsity, scope=scope, nonlinearity=nonlinearity)[0]


def plan_model(
    card: ModelCard,
    arguments: Arguments,
    shape: DataShape,
    family: str,
    nominal_sparsity: float,
    *,
    scope: Scope = "model",
    nonlinearity: str = "default",
) -> tuple[Point, nn.Module]:
    """The point of `plan_point` with its model, on the meta device and without masks; errors as `plan_point`."""
    with torch.device("meta"), Shapes():
        model, sized, scale = _sized(card, arguments, shape, family, nominal_sparsity, nonlinearity, Masking(scope))
    return sized.point(family, nominal_sparsity, scale), model


def skeleton_of(
    card: ModelCard,
    arguments: Arguments,
    shape: DataShape,
    family: str,
    nominal_sparsity: float,
    *,
    scope: Scope = "model",
    nonlinearity: str = "default",
) -> nn.Module:
    """The model of `plan_point`, or the dense one, on the meta device and without masks; errors as `plan_point`."""
    with torch.device("meta"), Shapes():
        if family == DENSE:
            return _build(card, card.resolve(arguments), shape)
        return _sized(card, arguments, shape, family, nominal_sparsity, nonlinearity, Masking(scope))[0]


def dense_point(card: ModelCard, arguments: Arguments, shape: DataShape) -> Point:
    """The baseline."""
    dense = dense_network(card, arguments, shape)
    flops = dense.flops("model")
    return Point(
        family=DENSE,
        nominal_sparsity=0.0,
        feasible=True,
        scale=f"{card.width} {card.resolve(arguments)[card.width]}",
        forward_flops=flops,
        executed_flops=flops,
        flop_ratio=1.0,
        parameters=dense.parameters,
        nonzero_parameters=dense.parameters,
    )


def ladder_arguments(
    card: ModelCard, arguments: Arguments, shape: DataShape, multiple: float, scope: Scope = "model"
) -> tuple[Arguments, float]:
    """The dense model's arguments at the width whose FLOPs in `scope` come closest to `multiple` times its own, and
    what their ratio then is.

    Raises:
        InvalidValue: that width lies outside the card's range, or the multiple is not above 0.
    """
    if not 0.0 < multiple < float("inf"):
        raise InvalidValue(f"A rung of the ladder is {multiple}; it must be a positive FLOP multiple.")
    resolved = card.resolve(arguments)
    step = int(resolved[card.width_multiple]) if card.width_multiple else 1
    width = int(resolved[card.width])
    base = dense_network(card, resolved, shape).flops(scope)

    def at(units: int) -> tuple[Arguments, float]:
        wider = card.resolve({**resolved, card.width: units * step})
        return wider, dense_network(card, wider, shape).flops(scope) / base

    # FLOPs rise with the width: the two widths around the multiple are found by halving.
    low, high = 1, max(2, round(width / step * max(1.0, multiple**0.5)) + 1)
    while at(high)[1] < multiple:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if at(middle)[1] <= multiple else (low, middle)
    return min((at(low), at(high)), key=lambda found: abs(found[1] - multiple))


def ladder_point(
    card: ModelCard, arguments: Arguments, shape: DataShape, multiple: float, scope: Scope = "model"
) -> Point:
    """The dense model of a rung; `flop_ratio` is what it really has. Errors as `ladder_arguments`."""
    wider, ratio = ladder_arguments(card, arguments, shape, multiple, scope)
    return replace(dense_point(card, wider, shape), flop_ratio=ratio)


def dense_network(card: ModelCard, arguments: Arguments, shape: DataShape) -> Network:
    """The dense model as the solver sees it; its layers have their roles, its weights no masks."""
    return _dense_network(card, _frozen(card.resolve(arguments)), shape)


def _frozen(resolved: Arguments) -> Frozen:
    return tuple(sorted(resolved.items()))


@lru_cache(maxsize=64)
def _dense_network(card: ModelCard, arguments: Frozen, shape: DataShape) -> Network:
    with torch.device("meta"), Shapes():
        model = _build(card, dict(arguments), shape)
    counted = _dense_count(card, arguments, shape)
    return network(model, counted, assign_roles(model, counted, _rules(card)))


@lru_cache(maxsize=64)
def _dense_count(card: ModelCard, arguments: Frozen, shape: DataShape) -> FlopCount:
    """Of the dense model, which every local family begins with."""
    with torch.device("meta"), Shapes():
        model = _build(card, dict(arguments), shape)
    return count(model, example_of(shape))


def _build(card: ModelCard, arguments: Arguments, shape: DataShape) -> nn.Module:
    if card.task != shape.task:
        raise InvalidValue(f"The model '{card.name}' takes {card.task}; the data set has {shape.task}.")
    model: nn.Module = catalog.load(card.build)(shape, **arguments)
    return model


def _rules(card: ModelCard) -> tuple[Rule, ...]:
    dense: tuple[Rule, ...] = tuple((glob, "dense") for glob in card.dense)
    return (*dense, *((glob, "mask") for glob in card.mask_only))


def _sized(
    card: ModelCard,
    arguments: Arguments,
    shape: DataShape,
    family_name: str,
    nominal_sparsity: float,
    nonlinearity: str,
    masking: Masking,
) -> tuple[nn.Module, Sized, str]:
    """The transformed model before any mask, its mask sizes, and its scale in words."""
    family: Family = catalog.get("family", family_name)
    resolved = card.resolve(arguments)
    width = int(resolved[card.width])
    wide = width
    if not family.is_local:
        multiple = int(resolved[card.width_multiple]) if card.width_multiple else 1
        wide = wide_size(width, nominal_sparsity, multiple)
    model = fresh(lambda: _build(card, {**resolved, card.width: wide}, shape), masking.seed)
    counted = _dense_count(card, _frozen(resolved), shape) if family.is_local else count(model, example_of(shape))
    roles = assign_roles(model, counted, _rules(card), replacing=family.is_local)
    scale = wide_scale(width, wide)
    if family.is_local:
        replace_layers(model, family, nominal_sparsity, roles, nonlinearity, masking.seed)
        counted = count(model, example_of(shape))
        scale = family.describe(nominal_sparsity)
    budget = dense_network(card, arguments, shape).flops(masking.scope)
    return model, masking.solve(model, roles, counted, budget), scale
