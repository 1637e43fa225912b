"""The whole-network iso-FLOP solver: exact non-zero counts that meet a FLOP budget, or a refusal that says why.

Sizes (widths, branches, ranks) are rounded first; then the density of the masked weights is re-solved on the whole
network, so that the counted FLOPs equal the dense model's within `TOLERANCE` (docs/explanation/iso-flop.md). The
official code keeps the nominal sparsity instead and is off by up to 15 % (measured on ImageNet ResNet-18
Wide at .9). No torch here.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sparseift.errors import Infeasible, InvalidValue
from sparseift.ledger import Network, Weight
from sparseift.masks.distributions import Distribution, raw_density
from sparseift.masks.structures import Layout, parse
from sparseift.records import Scope

TOLERANCE = 1e-3  # relative, of the dense model's FLOPs in the chosen scope
FARTHEST_TRADE = 8  # quanta
SUGGESTED = tuple(n / 20 for n in range(6, 20))  # nominal sparsities tried for a suggestion: .30, .35, … .95

# (masked weights, FLOPs per sample that they may cost together) -> active weights of each
Allocate = Callable[[tuple[Weight, ...], int], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Solution:
    """Exact sizes of every mask.

    Attributes:
        nonzeros: masked weight name -> how many of its weights are active.
        sparsity: share of all masked weights that are zero.
        flop_ratio: achieved FLOPs over the budget, in the scope that was solved.
    """

    nonzeros: dict[str, int]
    sparsity: float
    flop_ratio: float


def solve(
    network: Network,
    budget_flops: int,
    scope: Scope,
    distribution: Distribution = "uniform",
    structure: str = "unstructured",
    allocate: Allocate | None = None,
) -> Solution:
    """The counts with which `network` costs `budget_flops` forward FLOPs per sample in `scope`.

    Args:
        distribution: how density is spread over layers, see `sparseift.masks.distributions`.
        structure: of every mask, see `sparseift.masks.structures`; counts are numbers that it can have.
        allocate: (masked weights, FLOPs per sample that they may cost) -> counts, for distributions by scores
            (`sparseift.masks.allocation`); it goes before `distribution`.

    Raises:
        UnknownName, InvalidValue: no such distribution or structure, or a distribution that needs `allocate`.
        Infeasible: what stays dense already costs more than the budget, or the network at the structure's highest
            density costs less, or a weight's dimensions do not suit the structure, or the steps in which counts can
            change are too coarse to come within `TOLERANCE`.
    """
    masked = network.masked
    layouts = [_layout(w, structure) for w in masked]
    full = network.flops(scope)
    fixed = full - sum(w.flops(w.numel) for w in masked)
    most = sum(w.flops(p.max_count) for w, p in zip(masked, layouts, strict=True))
    available = budget_flops - fixed
    of_structure = "" if structure == "unstructured" else f" under the structure '{structure}'"
    if available < sum(w.flops(p.quantum) for w, p in zip(masked, layouts, strict=True)):
        raise Infeasible(
            f"What stays dense costs {fixed / budget_flops:.1%} of the dense model's FLOPs, "
            f"which leaves nothing for the masked layers{of_structure}."
        )
    if available > most:
        without = f"at the highest density{of_structure}" if of_structure else "without zeros"
        raise Infeasible(
            f"Even {without} the transformed network costs {(fixed + most) / budget_flops:.2%} of the dense model's "
            "FLOPs; a higher sparsity makes it larger."
        )
    if allocate is None:
        wanted = [
            d * w.numel for w, d in zip(masked, _water_fill(masked, layouts, available, distribution), strict=True)
        ]
    else:
        counts = allocate(masked, available)
        wanted = [float(counts[w.name]) for w in masked]
    nonzeros = {w.name: p.snap(count) for w, p, count in zip(masked, layouts, wanted, strict=True)}
    _absorb_rounding(masked, layouts, nonzeros, available, TOLERANCE * budget_flops)
    achieved = fixed + sum(w.flops(nonzeros[w.name]) for w in masked)
    ratio = achieved / budget_flops
    if abs(ratio - 1.0) > TOLERANCE:
        raise Infeasible(
            f"Whole weights{of_structure} come no nearer to the dense model's FLOPs than a ratio of {ratio:.4f}; "
            "the layers are too small."
        )
    total = sum(w.numel for w in masked)
    return Solution(nonzeros, 1.0 - sum(nonzeros.values()) / total, ratio)


def _layout(weight: Weight, structure: str) -> Layout:
    try:
        return parse(structure).layout(weight.shape, weight.transposed)
    except InvalidValue as refusal:
        raise Infeasible(f"'{weight.name}' of shape {weight.shape} cannot be masked: {refusal}") from None


def _water_fill(
    masked: tuple[Weight, ...], layouts: list[Layout], available: int, distribution: Distribution
) -> list[float]:
    """Densities min(cap, ε·raw) whose FLOPs are `available`; layers that would exceed their cap, 1 without structure,
    are filled and the rest is re-solved."""
    raw = [raw_density(distribution, w.name, w.shape) for w in masked]
    cap = [p.max_count / w.numel for w, p in zip(masked, layouts, strict=True)]
    full = [w.flops(w.numel) for w in masked]
    # Layers are filled in the order of falling raw / cap, so one pass over that order finds ε.
    left, scaled = float(available), sum(f * r for f, r in zip(full, raw, strict=True))
    filled: set[int] = set()
    for i in sorted(range(len(masked)), key=lambda i: -raw[i] / cap[i]):
        if left * raw[i] <= scaled * cap[i]:
            break
        filled.add(i)
        left -= full[i] * cap[i]
        scaled -= full[i] * raw[i]
    return [cap[i] if i in filled else left / scaled * raw[i] for i in range(len(masked))]


def _absorb_rounding(
    masked: tuple[Weight, ...], layouts: list[Layout], nonzeros: dict[str, int], available: int, tolerance: float
) -> None:
    """Move counts by as few quanta as possible until the FLOPs missed are fewer than one quantum's.

    Costliest quanta first: each later layer then corrects a remainder smaller than one quantum of the layer before.
    """
    missing = available - sum(w.flops(nonzeros[w.name]) for w in masked)
    steps = sorted(zip(masked, layouts, strict=True), key=lambda pair: -pair[0].uses * pair[1].quantum)
    for weight, layout in steps:
        # Truncation towards zero: never overshoot with a coarse layer what a finer one can meet.
        change = int(missing / weight.flops(layout.quantum))
        missing -= _move(weight, layout, nonzeros, change)
    if abs(missing) > tolerance:
        _trade(steps, nonzeros, missing)


def _move(weight: Weight, layout: Layout, nonzeros: dict[str, int], quanta: int) -> int:
    """Change a count by so many quanta, or as far as it goes; the FLOPs that this adds."""
    before = nonzeros[weight.name]
    after = max(layout.quantum, min(before + quanta * layout.quantum, layout.max_count))
    nonzeros[weight.name] = after
    return weight.flops(after - before)


def _trade(steps: list[tuple[Weight, Layout]], nonzeros: dict[str, int], missing: int) -> None:
    """The one or two moves of a few quanta that come nearest to the FLOPs missed: a coarse one up, another down."""
    moves = [(0, 0, 0)]  # (FLOPs added, index of the weight, quanta)
    for i, (weight, layout) in enumerate(steps):
        for quanta in (*range(-FARTHEST_TRADE, 0), *range(1, FARTHEST_TRADE + 1)):
            if layout.quantum <= nonzeros[weight.name] + quanta * layout.quantum <= layout.max_count:
                moves.append((weight.flops(quanta * layout.quantum), i, quanta))
    moves.sort()
    costs = [cost for cost, _, _ in moves]
    best: tuple[int, list[tuple[int, int]]] = (abs(missing), [])
    for cost, i, quanta in moves:
        at = bisect_left(costs, missing - cost)
        for other, j, more in moves[max(0, at - 1) : at + 2]:
            left = abs(missing - cost - other)
            if left < best[0] and i != j:
                best = (left, [(i, quanta), (j, more)])
    for i, quanta in best[1]:
        _move(*steps[i], nonzeros, quanta)


def with_nearest(refusal: Infeasible, asked: float, attempt: Callable[[float], object]) -> Infeasible:
    """The refusal, with the nearest feasible nominal sparsities of `SUGGESTED` below and above what was asked.

    Args:
        asked: the nominal sparsity that was refused.
        attempt: raises `Infeasible` for a nominal sparsity that has no solution.
    """
    if refusal.nearest:
        return refusal
    below = [s for s in reversed(SUGGESTED) if s < asked - 1e-9]
    above = [s for s in SUGGESTED if s > asked + 1e-9]
    nearest = [s for side in (below, above) if (s := next(filter(_feasible(attempt), side), None)) is not None]
    if nearest:
        hint = f"In steps of 0.05 the nearest feasible sparsities are {' and '.join(f'{s:g}' for s in nearest)}."
    else:
        hint = "No sparsity from 0.3 to 0.95 is feasible."
    return Infeasible(f"{refusal} {hint}", nearest)


def _feasible(attempt: Callable[[float], object]) -> Callable[[float], bool]:
    def is_feasible(sparsity: float) -> bool:
        try:
            attempt(sparsity)
        except Infeasible:
            return False
        return True

    return is_feasible
