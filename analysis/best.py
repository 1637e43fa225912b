"""The best sparsity per family, and what may honestly be said of it.

Rules: only points at dense's FLOPs are compared. Where a family has confirmation runs (fresh seeds, run after
the search had chosen), only confirmed points can be best, and only those runs are reported: the best of many
single runs is a lucky run. Without them the best is provisional. Points that the noise does not separate from
the best are named. The best family of all is picked by the very runs that it is reported by, so its interval holds
for all that it was picked from together. So does that of a family with several confirmed points (an extended search
may name another), which else would be reported by the luckier one's runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from analysis.blocks import Contrasts, contrasts
from analysis.points import CurvePoint, DensePoint, marked
from analysis.shrinkage import Belief, believe
from analysis.statistics import CONFIDENCE, Difference, Noise, pooled_noise
from sparseift.records import Metric


@dataclass(frozen=True, slots=True)
class FamilyBest:
    """One family's answer.

    Attributes:
        point: its best configuration.
        compared: how many iso-FLOP configurations of the family it was chosen from.
        probability: that it is truly the family's best, by every run of the job (`shrinkage.believe`); None while no
            configuration has two seeds that differ.
        tied_with: keys of the family's configurations that the noise does not separate from it: by the same runs they
            are truly better with a probability of 2.5 % or more.
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
    runs = (by_seed(p, metric) for p in points if p.iso_flop)
    return contrasts(by_seed(dense, metric), runs, job_noise(points, dense))


def gain_over_dense(
    point: CurvePoint, against: Contrasts | None, metric: Metric, comparisons: int = 1
) -> Difference | None:
    """The point against dense; None without dense or where it is not iso-FLOP.

    `comparisons` is how many points the interval must hold for together.
    """
    if against is None or not point.iso_flop:
        return None
    return against.difference(by_seed(point, metric), comparisons)


class Seeded(Protocol):
    """What ran on seeds: a point, a dense model."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """In the order of the values."""

    @property
    def values(self) -> tuple[float, ...]:
        """Of the validation metric."""


def by_seed(point: Seeded, metric: Metric) -> dict[int, float]:
    """The values by seed, higher is better."""
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
    """The seed noise pooled over every configuration that ran twice or more, dense included; None where no two runs of
    one differ."""
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
    against, is_noisy = over_dense(points, dense, metric), job_noise(points, dense) is not None
    judged: dict[str, CurvePoint] = {p.configuration_key: p for p in points}
    answers: list[FamilyBest] = []
    iso_flop = sorted((p for p in points if p.iso_flop), key=lambda p: p.family)
    families = {family: list(group) for family, group in groupby(iso_flop, key=lambda p: p.family)}
    beliefs = _beliefs(families, dense, metric)
    for family, compared in families.items():
        best, leaders = _best_and_leaders(compared, maximize)
        alone = 1.0 if is_noisy else None
        chance, tied = _standing(compared, best, beliefs[family]) if family in beliefs else (alone, {})
        confirmed = sum(p.confirmed for p in compared)
        for p in compared:
            key = p.configuration_key
            gain = gain_over_dense(p, against, metric, max(1, confirmed) if p is best else 1)
            judged[key] = marked(p, gain, key in leaders, p is best, key in tied)
        answers.append(FamilyBest(family, judged[best.configuration_key], len(compared), chance, tuple(tied)))
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


def _beliefs(
    families: Mapping[str, Sequence[CurvePoint]], dense: DensePoint | None, metric: Metric
) -> dict[str, Belief | None]:
    """What is known of the true means of each family with rivals, every family's runs telling of seeds and noise."""
    sign = 1.0 if metric.direction == "maximize" else -1.0
    runs = {f: [{s: sign * v for s, v in p.all_runs.items()} for p in points] for f, points in families.items()}
    baseline = [by_seed(dense, metric)] if dense else []
    rivalled = [f for f in runs if len(runs[f]) > 1]
    return {f: believe(runs[f], [runs[other] for other in runs if other != f], baseline) for f in rivalled}


def _standing(
    compared: Sequence[CurvePoint], best: CurvePoint, belief: Belief | None
) -> tuple[float | None, dict[str, None]]:
    """The probability that it is the family's best, and the keys of those that it is not separated from, in order."""
    if belief is None:
        return None, {}
    index = next(i for i, p in enumerate(compared) if p is best)
    better = belief.better_than(index) >= (1 - CONFIDENCE) / 2  # as a two-sided test would have it
    tied = {p.configuration_key: None for p, near in zip(compared, better, strict=True) if near and p is not best}
    return belief.chance(index), tied
