"""Where marks go on the iso-FLOP chart: axis ranges, tested levels, dodge and labels that do not overlap. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analysis.curve import Curve
from analysis.ladder import DenseRung
from analysis.palette import order
from analysis.points import CurvePoint, DensePoint

EMPTY_LEVELS = (0.5, 0.75, 0.9)  # the axis of a page that waits for its first sparse point
TICK_GAP = 0.012  # sparsities closer than this share a tick
DODGE = 0.011  # of the axis, between neighbouring families
MARGIN = 0.07  # of the axis, left and right of the tested levels
INTERVAL_ROOM = 0.75  # intervals may widen the y range by so much of the means' range on each side
LADDER_ROOM = 1.0  # a larger dense model may lie so much of the others' range beyond it; farther ones are only named


@dataclass(frozen=True, slots=True)
class Range:
    """An axis range in data units."""

    low: float
    high: float

    @property
    def size(self) -> float:
        """Its length."""
        return self.high - self.low


def merged(sparsities: Iterable[float]) -> tuple[float, ...]:
    """Rising levels (fractions); those nearer than `TICK_GAP` become their mean."""
    groups: list[list[float]] = []
    for s in sorted(sparsities):
        if groups and s - groups[-1][0] < TICK_GAP:
            groups[-1].append(s)
        else:
            groups.append([s])
    return tuple(sum(group) / len(group) for group in groups)


def levels(curve: Curve) -> tuple[float, ...]:
    """Where the sparsity axis has ticks: the tested levels; the planned ones before the first run has finished."""
    return merged(p.sparsity for p in curve.points) or merged(curve.planned_levels) or EMPTY_LEVELS


def x_range(curve: Curve) -> Range:
    """The sparsity axis around all planned and tested levels, so that it stays as runs come."""
    every = [*levels(curve), *curve.planned_levels]
    middle, half = (min(every) + max(every)) / 2, max(max(every) - min(every), 0.1) * (0.5 + MARGIN)
    return Range(middle - half, middle + half)


def rungs_in_range(curve: Curve) -> tuple[DenseRung, ...]:
    """The larger dense models that the chart has room for: one far above the points would flatten them."""
    if not curve.points:
        return curve.ladder
    means = [p.mean for p in _shown(curve)]
    room = LADDER_ROOM * _size(curve)
    return tuple(r for r in curve.ladder if min(means) - room <= r.mean <= max(means) + room)


def y_range(curve: Curve) -> Range:
    """All means and, as far as they leave the means readable, all intervals and larger dense models.

    An interval from two seeds can be dozens of times wider than the differences of interest (t = 12.7): it is cut at
    the edge rather than flattening the chart.
    """
    shown, rungs = _shown(curve), rungs_in_range(curve)
    if not shown:
        return Range(0.0, 1.0)
    means = [p.mean for p in (*shown, *rungs)]
    ends = [e for p in shown for e in (p.low, p.high) if e is not None]
    low, high, size = min(means), max(means), _size(curve)
    room = INTERVAL_ROOM * size
    low, high = max(min([low, *ends]), low - room), min(max([high, *ends]), high + room)
    pad = 0.08 * max(high - low, size)
    return Range(low - pad, high + pad)


def _shown(curve: Curve) -> list[CurvePoint | DensePoint]:
    return [*curve.points, *([curve.dense] if curve.dense else [])]


def _size(curve: Curve) -> float:
    """How far the means of the points and of dense lie apart; of equal ones, as far as is worth looking at."""
    shown = _shown(curve)
    means = [p.mean for p in shown]
    ends = [e for p in shown for e in (p.low, p.high) if e is not None]
    between = max(ends, default=0.0) - min(ends, default=0.0)
    return (max(means) - min(means)) or max(between, abs(max(means)) * 0.02, 1e-6)


def dodges(families: Iterable[str], x: Range) -> dict[str, float]:
    """The horizontal shift of each family (sparsity units), symmetric around 0."""
    ordered = sorted(set(families), key=order)
    middle = (len(ordered) - 1) / 2
    return {f: (i - middle) * DODGE * x.size for i, f in enumerate(ordered)}


def spread(wanted: Sequence[float], gap: float, room: Range) -> list[float]:
    """Positions as near to `wanted` as lets neighbours keep `gap`, inside `room` if it holds them all.

    Pool-adjacent-violators on the sorted positions minus their slots: the least-squares answer (Barlow et al., 1972).
    """
    ranks = sorted(range(len(wanted)), key=lambda i: wanted[i])
    blocks: list[tuple[float, int]] = []  # (mean of wanted − slot, members)
    for slot, i in enumerate(ranks):
        mean, count = wanted[i] - slot * gap, 1
        while blocks and blocks[-1][0] > mean:
            other, n = blocks.pop()
            mean, count = (mean * count + other * n) / (count + n), count + n
        blocks.append((mean, count))
    flat = [mean for mean, count in blocks for _ in range(count)]
    last = room.high - (len(wanted) - 1) * gap
    placed = [0.0] * len(wanted)
    for slot, i in enumerate(ranks):
        placed[i] = max(min(flat[slot], last), room.low) + slot * gap
    return placed
