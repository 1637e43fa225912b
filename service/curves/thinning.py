"""Curves of thousands of points drawn with few: what answers the question stays, of the rest the best trained."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.points import CurvePoint


def thinned(points: "Sequence[CurvePoint]", most: int) -> "list[CurvePoint]":
    """The points in their order, without those that a reader of the whole would miss least.

    Every point stays that leads at its sparsity, is a family's best, was confirmed, or is not at dense's FLOPs. Beside
    them stay so many of each family: those on the most seeds, and of these the latest.

    Args:
        most: of each family's other points.
    """
    others: dict[str, list[CurvePoint]] = defaultdict(list)
    for p in points:
        if not _stays(p):
            others[p.family].append(p)
    kept = {
        p.configuration_key
        for group in others.values()
        for p in sorted(group, key=lambda p: (len(p.seeds), max(p.trial_ids, default=0)), reverse=True)[:most]
    }
    return [p for p in points if _stays(p) or p.configuration_key in kept]


def _stays(p: "CurvePoint") -> bool:
    return p.leads or p.is_best or p.confirmed or not p.iso_flop
