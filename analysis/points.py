"""From trials to points: the runs of one configuration aggregated over seeds."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.labels import schedule_text
from analysis.measurement import Measurement
from analysis.statistics import Difference, Estimate, mean_interval
from sparseift.records import DENSE

ISO_FLOP_TOLERANCE = 1e-3  # of dense's FLOPs
ROUNDING = 1e-12  # of the division behind a ratio
LEVEL_DECIMALS = 3  # sparsities that agree so far are one level of the axis


@dataclass(frozen=True, slots=True)
class DensePoint:
    """The dense baseline.

    Attributes:
        mean, low, high: validation metric over seeds, its unit; the 95 % interval is None for one seed or equal values.
        seeds, values: the runs that `mean` is of, in the order of the seeds.
        test_*: the same on the test split; None where no run touched it.
        confirmed: whether these are the confirmation's fresh seeds.
        training_flops: of one run.
    """

    mean: float
    low: float | None
    high: float | None
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    confirmed: bool
    test_mean: float | None
    test_low: float | None
    test_high: float | None
    training_flops: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One configuration of a family.

    Attributes:
        schedule: its mask schedule in words; "" where the caller did not say.
        sparsity: share of masked weights that are zero (fraction).
        mean, low, high: validation metric over seeds; the 95 % interval is None for one seed or equal values.
        seeds, values: the runs that `mean` is of: the confirmation's alone, where there are any
            (`confirmed`).
        search_values: the runs that chose a confirmed configuration; reported nowhere as its result. search_seeds:
            theirs.
        test_*: on the test split, from confirmation runs.
        flop_ratio: forward FLOPs over dense's; iso_flop: within .1 % of 1. A point that is not is never
            compared.
        training_flops: mean over its runs. trial_ids: rows behind `values`.
        gain: over dense, the metric's unit, positive when better; None without dense or where not iso-FLOP.
        leads: the family's line at this sparsity goes through this point.
        is_best: the family's best; within_noise: of the best, as `FamilyBest.tied_with` has it.
    """

    family: str
    configuration_key: str
    schedule: str
    sparsity: float
    mean: float
    low: float | None
    high: float | None
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    search_values: tuple[float, ...]
    confirmed: bool
    test_mean: float | None
    test_low: float | None
    test_high: float | None
    flop_ratio: float
    iso_flop: bool
    training_flops: float
    trial_ids: tuple[int, ...]
    gain: Difference | None = None
    leads: bool = False
    is_best: bool = False
    within_noise: bool = False
    search_seeds: tuple[int, ...] = ()

    @property
    def level(self) -> float:
        """The sparsity level (fraction) that it shares with other schedules."""
        return round(self.sparsity, LEVEL_DECIMALS)

    @property
    def all_values(self) -> tuple[float, ...]:
        """Every run of the configuration, search and confirmation."""
        return self.search_values + self.values if self.confirmed else self.values

    @property
    def all_runs(self) -> dict[int, float]:
        """Every run by seed: `values` and the search's; a curve of an earlier version knows no seeds of those."""
        return {
            **dict(zip(self.search_seeds, self.search_values, strict=False)),
            **dict(zip(self.seeds, self.values, strict=True)),
        }


def marked(point: CurvePoint, gain: Difference | None, leads: bool, is_best: bool, within_noise: bool) -> CurvePoint:
    """The point with its marks: `dataclasses.replace` takes four times as long, and a curve has thousands."""
    p = point
    return CurvePoint(
        p.family, p.configuration_key, p.schedule, p.sparsity, p.mean, p.low, p.high, p.seeds, p.values,
        p.search_values, p.confirmed, p.test_mean, p.test_low, p.test_high, p.flop_ratio, p.iso_flop,
        p.training_flops, p.trial_ids, gain, leads, is_best, within_noise, p.search_seeds,
    )  # fmt: skip


def reported(rows: Sequence[Measurement]) -> tuple[bool, list[Measurement]]:
    """Whether there are confirmation runs, and the runs to report: those, or else all; one run per seed."""
    if len(rows) == 1:  # most of a large search
        return rows[0].kind == "confirm", list(rows)
    fresh = [row for row in rows if row.kind == "confirm"]
    by_seed = {row.seed: row for row in sorted(fresh or rows, key=lambda r: r.trial_id, reverse=True)}
    return bool(fresh), [by_seed[seed] for seed in sorted(by_seed)]


def _test(rows: Sequence[Measurement]) -> Estimate | None:
    values = [row.test_value for row in rows if row.kind != "search" and row.test_value is not None]
    return mean_interval(values) if values else None


def aggregate_dense(measurements: Iterable[Measurement]) -> DensePoint | None:
    """The dense baseline of a job; None before its first run has finished."""
    rows = [m for m in measurements if m.family == DENSE and m.kind != "ladder"]
    if not rows:
        return None
    confirmed, runs = reported(rows)
    values = tuple(r.value for r in runs)
    estimate, test = mean_interval(values), _test(runs)
    return DensePoint(
        mean=estimate.mean,
        low=estimate.low,
        high=estimate.high,
        seeds=tuple(r.seed for r in runs),
        values=values,
        confirmed=confirmed,
        test_mean=test.mean if test else None,
        test_low=test.low if test else None,
        test_high=test.high if test else None,
        training_flops=sum(r.training_flops for r in runs) / len(runs),
    )


def aggregate(
    measurements: Iterable[Measurement],
    configurations: Mapping[str, Mapping[str, Any]],
    schedules: Mapping[str, str] | None = None,
) -> tuple[CurvePoint, ...]:
    """One point per sparse configuration, by family, sparsity and key.

    Args:
        measurements: complete trials, in any order.
        configurations: canonical configurations by key, for the words of `schedule`; missing ones are
            allowed.
        schedules: these words, where they are known already.
    """
    known = schedules or {}
    groups: dict[str, list[Measurement]] = defaultdict(list)
    for m in measurements:
        if m.family != DENSE:
            groups[m.configuration_key].append(m)
    points = (
        _point(key, rows, known[key] if key in known else schedule_text(configurations.get(key)))
        for key, rows in groups.items()
    )
    return tuple(sorted(points, key=lambda p: (p.family, p.sparsity, p.configuration_key)))


def _point(key: str, rows: Sequence[Measurement], schedule: str) -> CurvePoint:
    confirmed, runs = reported(rows)
    values = tuple(r.value for r in runs)
    estimate, test = mean_interval(values), _test(runs)
    searched = sorted((r for r in rows if confirmed and r.kind == "search"), key=lambda r: r.trial_id)
    ratio = max((r.flop_ratio for r in rows), key=lambda x: abs(x - 1))  # the worst of its runs
    return CurvePoint(
        family=rows[0].family,
        configuration_key=key,
        schedule=schedule,
        sparsity=sum(r.sparsity for r in runs) / len(runs),
        mean=estimate.mean,
        low=estimate.low,
        high=estimate.high,
        seeds=tuple(r.seed for r in runs),
        values=values,
        search_values=tuple(r.value for r in searched),
        confirmed=confirmed,
        test_mean=test.mean if test else None,
        test_low=test.low if test else None,
        test_high=test.high if test else None,
        flop_ratio=ratio,
        iso_flop=abs(ratio - 1) <= ISO_FLOP_TOLERANCE + ROUNDING,
        training_flops=sum(r.training_flops for r in runs) / len(runs),
        trial_ids=tuple(r.trial_id for r in runs),
        search_seeds=tuple(r.seed for r in searched),
    )
