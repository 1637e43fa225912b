"""The whole-network iso-FLOP solver: exact non-zero counts that meet a FLOP budget, or a refusal that says why.

Sizes (widths, branches, ranks) are rounded first; then the density of the masked weights is re-solved on the whole
network, so that the counted FLOPs equal the dense model's within `TOLERANCE` (docs/explanation/iso-flop.md). The
official code keeps the nominal sparsity instead and is off by up to 15 % (measured on ImageNet ResNet-18
Wide at .9). No torch here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sparseift.errors import Infeasible
from sparseift.ledger import Network, Weight
from sparseift.masks.distributions import raw_density
from sparseift.records import Scope

TOLERANCE = 1e-3  # relative, of the dense model's FLOPs in the chosen scope


SUGGESTED = tuple(n / 20 for n in range(6, 20))  # nominal sparsities tried for a suggestion: .30, .35, … .95


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


def solve(network: Network, budget_flops: int, scope: Scope, distribution: str = "uniform") -> Solution:
    """The counts with which `network` costs `budget_flops` forward FLOPs per sample in `scope`.

    Raises:
        Infeasible: what stays dense already costs more than the budget, or the network without any zeros costs less,
            or weights are too few and too often used to come within `TOLERANCE`.
    """
    masked = network.masked
    full = network.flops(scope)
    variable = sum(w.flops(w.numel) for w in masked)
    fixed = full - variable
    available = budget_flops - fixed
    if available < sum(w.flops(1) for w in masked):
        raise Infeasible(
            f"What stays dense costs {fixed / budget_flops:.1%} of the dense model's FLOPs, "
            "which leaves nothing for the masked layers."
        )
    if available > variable:
        raise Infeasible(
            f"Even without zeros the transformed network costs {full / budget_flops:.2%} of the dense model's FLOPs; "
            "a higher sparsity makes it larger."
        )
    densities = _water_fill(masked, available, distribution)
    nonzeros = {w.name: min(w.numel, max(1, round(d * w.numel))) for w, d in zip(masked, densities, strict=True)}
    _absorb_rounding(masked, nonzeros, available)
    achieved = fixed + sum(w.flops(nonzeros[w.name]) for w in masked)
    ratio = achieved / budget_flops
    if abs(ratio - 1.0) > TOLERANCE:
        raise Infeasible(
            f"Whole weights come no nearer to the dense model's FLOPs than a ratio of {ratio:.4f}; "
            "the layers are too small."
        )
    total = sum(w.numel for w in masked)
    return Solution(nonzeros, 1.0 - sum(nonzeros.values()) / total, ratio)


def _water_fill(masked: tuple[Weight, ...], available: int, distribution: str) -> list[float]:
    """Densities min(1, ε·raw) whose FLOPs are `available`; layers that would exceed 1 are dense, the rest re-solved."""
    raw = [raw_density(distribution, w.shape) for w in masked]
    full = [w.flops(w.numel) for w in masked]
    # Layers reach density 1 in the order of falling raw density, so one pass over that order finds ε.
    left, scaled = float(available), sum(f * r for f, r in zip(full, raw, strict=True))
    dense: set[int] = set()
    for i in sorted(range(len(masked)), key=lambda i: -raw[i]):
        if left * raw[i] <= scaled:
            break
        dense.add(i)
        left -= full[i]
        scaled -= full[i] * raw[i]
    return [1.0 if i in dense else left / scaled * raw[i] for i in range(len(masked))]


def _absorb_rounding(masked: tuple[Weight, ...], nonzeros: dict[str, int], available: int) -> None:
    """Move counts by as few weights as possible until the FLOPs missed are fewer than one weight's.

    Most-used weights first: each later layer then corrects a remainder smaller than one weight of the layer before.
    """
    missing = available - sum(w.flops(nonzeros[w.name]) for w in masked)
    for weight in sorted(masked, key=lambda w: -w.uses):
        # Truncation towards zero: never overshoot with a coarse layer what a finer one can meet.
        change = int(missing / weight.flops(1))
        change = max(1 - nonzeros[weight.name], min(change, weight.numel - nonzeros[weight.name]))
        nonzeros[weight.name] += change
        missing -= weight.flops(change)


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
