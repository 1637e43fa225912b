"""The best sparsity per family, and what may honestly be said of it.

Rules: only points at dense's FLOPs are compared. Where a family has confirmation runs (fresh seeds, run after
the search had chosen), only confirmed points can be best, and only those runs are reported: the best of many
single runs is a lucky run. Without them the best is provisional. Points that the noise does not separate from
the best are named. The best family of all is picked by the very runs that it is reported by, so its interval holds
for all that it was picked from together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from analysis.points import CurvePoint, DensePoint
from analysis.statistics import Difference, Noise, difference, pooled_noise, probability_best, within_noise
from sparseift.records import Metric


@dataclass(frozen=True, slots=True)
class FamilyBest:
    """One family's answer.

    Attributes:
        point: its best configuration.
        compared: how many iso-FLOP configurations of the family it was chosen from.
        probability: that it is truly the family's best (`statistics.probability_best`, every run of each
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
            the plain one. None without dense.
        picked_from: confirmed families, or else configurations, that were compared by the runs of `gain`.
    """

    family: str
    point: CurvePoint
    gain: Difference | None
    picked_from: int


def gain_over_dense(
    point: CurvePoint,
    dense: DensePoint | None,
    metric: Metric,
    noise: Noise | None = None,
    comparisons: int = 1,
) -> Difference | None:
    """The point against dense, positive when better; None without dense or where it is not iso-FLOP.

    `noise` is the job's, `comparisons` how many points the interval must hold for together (`difference`).
    """
    if dense is None or not point.iso_flop:
        return None
    sign = 1.0 if metric.direction == "maximize" else -1.0
    return difference(
        {s: sign * v for s, v in zip(point.seeds, point.values, strict=True)},
        {s: sign * v for s, v in zip(dense.seeds, dense.values, strict=True)},
        noise,
        comparisons,
    )


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
    noise = job_noise(points, dense)
    marked: dict[str, CurvePoint] = {p.configuration_key: p for p in points}
    answers: list[FamilyBest] = []
    for family, group in groupby(sorted(points, key=lambda p: p.family), key=lambda p: p.family):
        compared = [p for p in group if p.iso_flop]
        if compared:
            best, members = _judge_family(compared, noise, maximize)
            for p in members:
                marked[p.configuration_key] = replace(p, gain=gain_over_dense(p, dense, metric, noise))
            chosen = marked[best.configuration_key]
            tied = tuple(p.configuration_key for p in members if p.within_noise)
            answers.append(
                FamilyBest(family, chosen, len(compared), _probability(best, compared, noise, maximize), tied)
            )
    answers.sort(key=lambda a: (not a.point.confirmed, -a.point.mean if maximize else a.point.mean))
    return tuple(marked[p.configuration_key] for p in points), tuple(answers)


def winner(
    points: Sequence[CurvePoint], dense: DensePoint | None, metric: Metric, best: Sequence[FamilyBest]
) -> Winner | None:
    """The best family's answer with an interval that allows for its having been picked; None where there is none.

    A confirmed one was picked from the confirmed families. A provisional one was picked from every configuration of
    the families without confirmation.
    """
    if not best:
        return None
    first = best[0]
    rivals = [a for a in best if a.point.confirmed == first.point.confirmed]
    picked_from = len(rivals) if first.point.confirmed else sum(a.compared for a in rivals)
    gain = gain_over_dense(first.point, dense, metric, job_noise(points, dense), picked_from)
    return Winner(first.family, first.point, gain, picked_from)


def _judge_family(
    compared: Sequence[CurvePoint], noise: Noise | None, maximize: bool
) -> tuple[CurvePoint, list[CurvePoint]]:
    def rank(p: CurvePoint) -> tuple[bool, float]:
        return p.confirmed, p.mean if maximize else -p.mean

    best = max(compared, key=rank)
    leaders = {level: max(group, key=rank) for level, group in _by_level(compared).items()}
    members = [
        replace(
            p,
            leads=leaders[p.level] is p,
            is_best=p is best,
            within_noise=p is not best and noise is not None and within_noise(p.values, best.values, noise),
        )
        for p in compared
    ]
    return best, members


def _by_level(points: Sequence[CurvePoint]) -> dict[float, list[CurvePoint]]:
    levels: dict[float, list[CurvePoint]] = {}
    for p in points:
        levels.setdefault(p.level, []).append(p)
    return levels


def _probability(best: CurvePoint, compared: Sequence[CurvePoint], noise: Noise | None, maximize: bool) -> float | None:
    if noise is None or noise.sd == 0:
        return None
    chances = probability_best([p.all_values for p in compared], noise, maximize)
    return chances[[p.configuration_key for p in compared].index(best.configuration_key)]
