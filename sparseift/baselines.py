"""The controls that a Sparse-IFT result is honest against: masks without the transformation, dense networks of more
FLOPs, dense low-rank layers of equal FLOPs, and static masks.

Each says in its `Point` what it costs: `flop_ratio` is of the dense model, and is 1 only where the control is iso-FLOP.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from sparseift.construction import fresh, seeded, skeleton
from sparseift.dense import read
from sparseift.errors import Infeasible, InvalidValue
from sparseift.example import Example
from sparseift.families.blocks import Factorized
from sparseift.families.family import check_nonlinearity, check_sparsity, floor_to
from sparseift.families.kinds import shape_of
from sparseift.flops import count
from sparseift.isoflop import TOLERANCE
from sparseift.layers import Rule
from sparseift.ledger import Network
from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Point, Scope, derive_seed
from sparseift.replacement import Swaps, projections_of, put_blocks
from sparseift.sizing import Masking, network
from sparseift.transformation import transform
from sparseift.widening import wide_scale, widen

WIDEST = 1 << 30


def plain_sparse(
    model: nn.Module,
    sparsity: float,
    example_input: Example,
    *,
    distribution: str | Mapping[str, float] = "uniform",
    structure: str = "unstructured",
    rules: Iterable[Rule] = (),
    seed: int = 0,
) -> Point:
    """Mask a dense model, in place, without any transformation: it costs fewer FLOPs, and `flop_ratio` says how many.

    Args:
        sparsity: in (0, 1): which share of its layers' FLOPs the masks save; with a uniform distribution, which share
            of their weights they cover. `Point.sparsity` is that of the weights.
        others: as `sparseift.transform`; the layers are masked that Sparse Wide would mask.

    Raises:
        As `sparseift.transform`.
    """
    if not check_sparsity(sparsity) > 0.0:
        raise InvalidValue("The sparsity is 0; it must lie in (0, 1).")
    dense = read(model, example_input, rules, replacing=False)
    full = dense.network.flops("model")
    try:
        saved = sparsity * sum(w.flops(w.numel) for w in dense.network.masked)
        masking = Masking("model", distribution, structure, seed=seed)
        sized = masking.solve(model, dense.roles, dense.counted, round(full - saved))
        masking.attach(model, sized)
    except BaseException:
        dense.apart.undo()
        raise
    point = sized.point("plain_sparse", sparsity, "as it was")
    return replace(point, flop_ratio=point.forward_flops / full)


def dense_ladder(
    build: Callable[[int], nn.Module],
    width: int,
    factors: Iterable[float],
    example_input: Example,
    *,
    multiple: int = 1,
    seed: int = 0,
) -> Iterator[tuple[nn.Module, Point]]:
    """Dense models that cost multiples of the FLOPs of `build(width)`: how much does the sparse one really save?

    Models are built one at a time, as they are asked for.

    Args:
        build: from a width to a model; width: of the dense model.
        factors: of its FLOPs, each above 0; a width is the one whose counted FLOPs come nearest.
        multiple: widths must be multiples of it (attention heads, groups).
        seed: of the weights.

    Yields:
        A model with fresh weights, and what it costs; `flop_ratio` is the exact one.

    Raises:
        InvalidValue: a factor or the multiple is not above 0 (at the first model); as `sparseift.count`.
    """
    factors = tuple(factors)
    if multiple < 1:
        raise InvalidValue(f"multiple is {multiple}; it must be at least 1.")
    if not all(factor > 0 and math.isfinite(factor) for factor in factors):
        raise InvalidValue(f"The factors are {factors}; each must be a number above 0.")
    counted: dict[int, int] = {}

    def flops(candidate: int) -> int:
        if candidate not in counted:
            counted[candidate] = count(skeleton(lambda: build(candidate)), example_input).total
        return counted[candidate]

    for factor in factors:
        wide = _nearest_width(flops, factor * flops(width), multiple)
        model = fresh(lambda wide=wide: build(wide), seed)  # type: ignore[misc]
        yield model, _dense_point("dense_wide", wide_scale(width, wide), model, flops(wide), flops(width))


def dense_low_rank(
    model: nn.Module,
    example_input: Example,
    *,
    nonlinearity: str = "identity",
    scope: Scope = "model",
    rules: Iterable[Rule] = (),
    seed: int = 0,
) -> Point:
    """Factorize a dense model's layers, in place, into two dense ones of equal FLOPs: Vᵀ σ(Uᵀ z).

    Ranks are K·c_in·c_out / (K·c_in + c_out) rounded down, then raised by one where the network's FLOPs allow it. So it
    costs no more than the dense model, and at most 0.1 % less but for small networks; `flop_ratio` says how much.

    Args:
        nonlinearity: σ, see `sparseift.families.blocks.nonlinearity`; "identity" is the textbook's low rank.
        others: as `sparseift.transform`.

    Raises:
        As `sparseift.transform`; Infeasible where rank 1 is already dearer than the dense layers.
    """
    check_nonlinearity(nonlinearity)
    dense, blocks = read(model, example_input, rules), Swaps(model)
    roles, before = dense.roles, dense.network
    try:
        layers = {name: projections_of(name, model.get_submodule(name)) for name in roles.transform}
        steps = {name: shape_of(parts[0]).groups for name, parts in layers.items()}
        ranks = {name: floor_to(shape_of(parts[0]).full_rank, steps[name]) for name, parts in layers.items()}

        def sized() -> Network:
            blocks.undo()
            with seeded(derive_seed(seed, "blocks")):
                for name, parts in layers.items():
                    rank = ranks[name]
                    put_blocks(blocks, name, parts, lambda part, rank=rank: Factorized(part, rank, nonlinearity))  # type: ignore[misc]
            return network(model, count(model, example_input), roles)

        floor = sized()
        _raise_ranks(ranks, steps, floor, before.flops(scope) - floor.flops(scope))
        final = sized()
        ratio = final.flops(scope) / before.flops(scope)
        if ratio > 1.0 + TOLERANCE:
            raise Infeasible(f"Factors of the smallest rank cost {ratio:.2%} of the dense model's FLOPs.")
    except BaseException:
        blocks.undo()
        dense.apart.undo()
        raise
    scale = f"ranks {min(ranks.values())} to {max(ranks.values())}"
    point = _dense_point("dense_low_rank", scale, model, final.flops("model"), before.flops("model"))
    return replace(point, flop_ratio=ratio)


def static_erk(
    source: Any, family: str, sparsity: float, example_input: Example, **options: Any
) -> tuple[nn.Module, Point, MaskSchedule]:
    """Any family under static masks with the Erdős-Rényi-Kernel distribution: what do masks gain by moving?

    Args:
        source: the model, transformed in place; for "sparse_wide" whatever `sparseift.widen` takes.
        options: of `sparseift.transform`, or of `sparseift.widen`, but the distribution.

    Returns:
        The masked model, its point, and the schedule for `MaskTrainer`.

    Raises:
        As `sparseift.transform`.
    """
    if family == "sparse_wide":
        model, point = widen(source, sparsity, example_input, distribution="erk", **options)
    else:
        model, point = source, transform(source, family, sparsity, example_input, distribution="erk", **options)
    return (
        model,
        replace(point, family="static_erk", scale=f"{family}, {point.scale}"),
        MaskSchedule("static", distribution="erk"),
    )


def _raise_ranks(ranks: dict[str, int], steps: Mapping[str, int], floor: Network, missing: int) -> None:
    """Spend the FLOPs that rounding down left, dearest layers first, at most one step each."""
    prices = {
        name: sum(w.flops(w.numel) for w in floor.weights if w.name.startswith(f"{name}.")) * steps[name] // rank
        for name, rank in ranks.items()
    }
    for name in sorted(prices, key=lambda n: -prices[n]):
        if prices[name] <= missing:
            ranks[name] += steps[name]
            missing -= prices[name]


def _nearest_width(flops: Callable[[int], int], target: float, multiple: int) -> int:
    """The multiple whose FLOPs are nearest to the target; FLOPs rise with width."""
    low, high = 0, 1
    while flops(high * multiple) < target:
        low, high = high, 2 * high
        if high > WIDEST or (high > 8 and flops(high * multiple) == flops(low * multiple)):
            raise InvalidValue(f"The builder costs the same at widths {low * multiple} and {high * multiple}.")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if flops(middle * multiple) < target else (low, middle)
    return min((n * multiple for n in (low, high) if n), key=lambda w: abs(flops(w) - target))


def _dense_point(family: str, scale: str, model: nn.Module, flops: int, dense: int) -> Point:
    parameters = sum(p.numel() for p in model.parameters())
    return Point(
        family=family,
        nominal_sparsity=0.0,
        feasible=True,
        scale=scale,
        forward_flops=flops,
        executed_flops=flops,
        flop_ratio=flops / dense,
        parameters=parameters,
        nonzero_parameters=parameters,
    )
