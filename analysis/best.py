"""The best sparsity per family, and what may honestly be said of it.

Rules: only points at dense's FLOPs are compared. Where a family has confirmation runs (fresh seeds, run after
the search had chosen), only confirmed points can be best, and only those runs are reported: the best of many
single runs is a lucky run. Without them the best is provisional. Points that the noise does not separate from
the best are named. The best family of all is picked by the very runs that it is reported by, so its interval holds
for all that it was picked from together. So does that of a family with several confirmed points (an extended search
may name another), which else would be reported by the luckier one's runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from analysis.blocks import Contrasts, contrasts
from analysis.points import CurvePoint, DensePoint, marked
from analysis.shrinkage import chance_of
from analysis.statistics import Difference, Noise, pooled_noise, within_noise
from sparseift.records import Metric


@dataclass(frozen=True, slots=True)
class FamilyBest:
    """One family's answer.

    Attributes:
        point: its best configuration.
        compared: how many iso-FLOP configurations of the family it was chosen from.
        probability: that it is truly the family's best (`shrinkage.chance_of`, every run of each
            configuration); None while no configuration has two seeds.
        tied_with: keys of the family's configurations within noise of it.
    """

    family: str
    point: CurvePoint
    compared: int
    probability: float | None
    tied_with: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Winner:
    """The best family of all.

    Attributes:
        point: its best configuration.
        gain: of it over dense, with an interval that holds for all `picked_from` together; its family's own row has
            one for that family's confirmed points. None without dense.
        picked_from: confirmed configurations of all families, or else configurations, that were compared by the runs
            of `gain`.
    """

    family: str
    point: CurvePoint
    gain: Difference | None
    picked_from: int


def over_dense(points: Sequence[CurvePoint], dense: DensePoint | None, metric: Metric) -> Contrasts | None:
    """Differences to dense, positive when better; None without dense.

    Args:
        points: all of the job's: those that are not iso-FLOP say nothing of its noise.
    """
    if dense is None:
        return None
    runs = (_by_seed(p, metric) for p in points if p.iso_flop)
    return contrasts(_by_seed(dense, metric), runs, job_noise(points, dense))


def gain_over_dense(
    point: CurvePoint, against: Contrasts | None, metric: Metric, comparisons: int = 1
) -> Difference | None:
    """The point against dense; None without dense or where it is not iso-FLOP.

    `comparisons` is how many points the interval must hold for together.
    """
    if against is None or not point.iso_flop:
        return None
    return against.difference(_by_seed(point, metric), comparisons)


def _by_seed(point: CurvePoint | DensePoint, metric: Metric) -> dict[int, float]:
    """The point's values by seed, higher is better."""
    sign = 1.0 if metric.direction == "maximize" else -1.0
    return {s: sign * v for s, v in zip(point.seeds, point.values, strict=True)}


def verdict(gain: Difference | None) -> str:
    """ "better", "worse", "level" (the interval holds zero), or "unknown" (there is no interval)."""
    if gain is None or gain.low is None:
        return "unknown"
    if not gain.clears_zero:
        return "level"
    return "better" if gain.mean > 0 else "worse"


def job_noise(points: Sequence[CurvePoint], dense: DensePoint | None) -> Noise | None:
    """The seed noise pooled over every configuration that ran twice or more, dense included."""
    samples = [p.all_values for p in points if p.iso_flop]
    return pooled_noise([*samples, dense.values] if dense else samples)


def judge(
    points: Sequence[CurvePoint], dense: DensePoint | None, metric: Metric
) -> tuple[tuple[CurvePoint, ...], tuple[FamilyBest, ...]]:
    """The points with gains and marks, in the same order, and the families' answers, best family first.

    Confirmed families come before provisional ones: a number that luck may have made is not ranked above one
        it has not.
    """
    maximize = metric.direction == "maximize"
    noise, against = job_noise(points, dense), over_dense(points, dense, metric)
    judged: dict[str, CurvePoint] = {p.configuration_key: p for p in points}
    answers: list[FamilyBest] = []
    for family, group in groupby(sorted(points, key=lambda p: p.family), key=lambda p: p.family):
        compared = [p for p in group if p.iso_flop]
        if compared:
            best, leaders = _best_and_leaders(compared, maximize)
            tied = _within_noise(compared, best, noise)
            confirmed = sum(p.confirmed for p in compared)
            for p in compared:
                key = p.configuration_key
                gain = gain_over_dense(p, against, metric, max(1, confirmed) if p is best else 1)
                judged[key] = marked(p, gain, key in leaders, p is best, key in tied)
            chosen, chance = judged[best.configuration_key], _probability(best, compared, noise, maximize)
            answers.append(FamilyBest(family, chosen, len(compared), chance, tuple(tied)))
    answers.sort(key=lambda a: (not a.point.confirmed, -a.point.mean if maximize else a.point.mean))
    return tuple(judged[p.configuration_key] for p in points), tuple(answers)


def winner(
    points: Sequence[CurvePoint], dense: DensePoint | None, metric: Metric, best: Sequence[FamilyBest]
) -> Winner | None:
    """The best family's answer with an interval that allows for its having been picked; None where there is none.

    A confirmed one was picked from every confirmed configuration: one of each family, or more where an extended search
    named another. A provisional one was picked from every configuration of the families without confirmation.
    """
    if not best:
        return None
    first = best[0]
    if first.point.confirmed:
        picked_from = sum(p.confirmed and p.iso_flop for p in points)
    else:
        picked_from = sum(a.compared for a in best)
    gain = gain_over_dense(first.point, over_dense(points, dense, metric), metric, picked_from)
    return Winner(first.family, first.point, gain, picked_from)


def _best_and_leaders(compared: Sequence[CurvePoint], maximize: bool) -> tuple[CurvePoint, set[str]]:
    """A family's best, and the keys of those that are the best at their sparsity."""

    def rank(p: CurvePoint) -> tuple[bool, float]:
        return p.confirmed, p.mean if maximize else -p.mean

    levels: dict[float, list[CurvePoint]] = {}
    for p in compared:
        levels.setdefault(p.level, []).append(p)
    return max(compared, key=rank), {max(group, key=rank).configuration_key for group in levels.values()}


def _within_noise(compared: Sequence[CurvePoint], best: CurvePoint, noise: Noise | None) -> dict[str, None]:
    """Keys of those that the noise does not separate from the best, in their order."""
    if noise is None:
        return {}
    others = (p for p in compared if p is not best)
    return {p.configuration_key: None for p in others if within_noise(p.values, best.values, noise)}


def _probability(best: CurvePoint, compared: Sequence[CurvePoint], noise: Noise | None, maximize: bool) -> float | None:
    if noise is None or noise.sd == 0:
        return None
    index = next(i for i, p in enumerate(compared) if p is best)
    return chance_of(index, [p.all_values for p in compared], noise, maximize)
