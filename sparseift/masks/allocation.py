"""Layer densities from scores: the best weights of the whole network within a FLOP budget, for `isoflop.solve`."""

from collections.abc import Mapping

import torch
from torch import Tensor

from sparseift.errors import InvalidValue, UnknownName
from sparseift.isoflop import Allocate
from sparseift.ledger import Weight
from sparseift.masks.layouts import unit_scores
from sparseift.masks.schedules import SCORED_DISTRIBUTIONS
from sparseift.masks.structures import parse


def lamp(scores: Tensor) -> Tensor:
    """w² / Σ v² over the v that are no smaller, ties in stored order (Lee et al. 2021, eq. 2).

    Args:
        scores: |w|, or any score that takes its place, ≥ 0.

    Returns:
        Of the same shape, float64; the largest weight of a layer scores 1.
    """
    squares = scores.detach().double().square().flatten()
    ordered, positions = squares.sort(stable=True)
    rest = ordered.flip(0).cumsum(0).flip(0)
    out = torch.zeros_like(squares)
    out[positions] = torch.where(rest > 0, ordered / rest.clamp_min(torch.finfo(rest.dtype).tiny), 0.0)
    return out.view(scores.shape)


def allocator(distribution: str, scores: Mapping[str, Tensor], structure: str = "unstructured") -> Allocate:
    """The `allocate` of `isoflop.solve`: keep the highest scores over all layers until the FLOPs are spent.

    A unit costs 2 · uses · elements. Every layer keeps at least its best quantum.

    Args:
        distribution: "global" compares scores as they are, "lamp" by `lamp`.
        scores: weight name -> scores of its shape.
        structure: units are scored by the sum over their elements; a pool offers as many as it may hold.

    Raises:
        UnknownName: no such distribution or structure. The result raises InvalidValue for a weight without scores.
    """
    if distribution not in SCORED_DISTRIBUTIONS:
        raise UnknownName("distribution by scores", distribution, SCORED_DISTRIBUTIONS)
    parsed = parse(structure)

    def allocate(masked: tuple[Weight, ...], available: int) -> dict[str, int]:
        counts: dict[str, int] = {}
        values, costs, owners = [], [], []
        for index, weight in enumerate(masked):
            if weight.name not in scores:
                raise InvalidValue(f"There are no scores for '{weight.name}'.")
            layout = parsed.layout(weight.shape, weight.transposed)
            score = lamp(scores[weight.name]) if distribution == "lamp" else scores[weight.name].detach()
            units = unit_scores(layout, score)
            offered = torch.topk(units, layout.capacity, dim=1, sorted=False).values.flatten()
            kept = layout.quantum // layout.elements
            ordered = offered.sort(descending=True).values[kept:].double().cpu()
            counts[weight.name] = layout.quantum
            available -= weight.flops(layout.quantum)
            values.append(ordered)
            costs.append(torch.full(ordered.shape, weight.flops(layout.elements)))
            owners.append(torch.full(ordered.shape, index))
        order = torch.cat(values).sort(descending=True, stable=True).indices
        affordable = torch.cat(costs)[order].cumsum(0) <= available
        won = torch.bincount(torch.cat(owners)[order][affordable], minlength=len(masked)).tolist()
        for weight, units_won in zip(masked, won, strict=True):
            layout = parsed.layout(weight.shape, weight.transposed)
            counts[weight.name] += units_won * layout.elements
        return counts

    return allocate
