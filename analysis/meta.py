"""Over several jobs: does the best sparsity move with the size of the model?"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from analysis.confirmed import Confirmed
from analysis.statistics import ROUNDING, t_quantile
from sparseift.records import DENSE


@dataclass(frozen=True, slots=True)
class JobBest:
    """One family's answer of one job.

    Attributes:
        model, dataset: that the job was about, in words.
        size: dense forward FLOPs per sample, whole model. parameters: of the dense model.
        sparsity: best, a fraction. gain: over dense, in the metric's unit, positive when better; None where dense has
            no result.
        seeds: fresh ones, that it rests on.
    """

    job_id: str
    model: str
    dataset: str
    family: str
    size: int
    parameters: int
    sparsity: float
    gain: float | None
    seeds: int


@dataclass(frozen=True, slots=True)
class Trend:
    """One family over jobs.

    Attributes:
        slope, low, high: of −log2(1 − best sparsity), the doublings of 1 / (1 − s), per tenfold dense FLOPs, with its
            95 % interval; None without three sizes, the interval also where the jobs lie on one line: three that share
            their best level, as a coarse grid makes them, do not prove that there is no trend.
        intercept: of the same line, at one FLOP; None alike.
        jobs, sizes: that it rests on.
    """

    family: str
    slope: float | None
    low: float | None
    high: float | None
    intercept: float | None
    jobs: int
    sizes: int


@dataclass(frozen=True, slots=True)
class MetaAnswer:
    """Best sparsity against model size: the points, and a line per family."""

    points: tuple[JobBest, ...]
    trends: tuple[Trend, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def job_bests(rows: Iterable[Confirmed]) -> list[JobBest]:
    """Each family's best confirmed configuration of each job, jobs and families sorted.

    Search runs alone say nothing here: their best is partly luck, and over many jobs luck looks like a trend.
    """
    by_job: dict[str, list[Confirmed]] = {}
    for row in rows:
        by_job.setdefault(row.job_id, []).append(row)
    return [_job_best(found, job) for _, job in sorted(by_job.items()) for found in _leaders(job)]


def _leaders(job: Sequence[Confirmed]) -> list[Confirmed]:
    leaders: dict[str, Confirmed] = {}
    for row in job:
        if row.family != DENSE and row.kind == "confirm":
            known = leaders.setdefault(row.family, row)
            if (row.mean > known.mean) == row.maximize and row.mean != known.mean:
                leaders[row.family] = row
    return [leaders[family] for family in sorted(leaders)]


def _job_best(found: Confirmed, job: Sequence[Confirmed]) -> JobBest:
    dense = sorted(
        (r for r in job if r.family == DENSE), key=lambda r: r.kind != "confirm"
    )  # fresh seeds before others
    gain = (found.mean - dense[0].mean) * (1.0 if found.maximize else -1.0) if dense else None
    return JobBest(
        found.job_id, found.model, found.dataset, found.family, found.size, found.parameters, found.sparsity, gain,
        found.runs,
    )  # fmt: skip


def best_against_size(answers: Sequence[JobBest]) -> MetaAnswer:
    """The trend of each family, families sorted.

    Least squares of −log2(1 − s) on log10 FLOPs with Student's interval for the slope. Assumes jobs that are
    independent and differ from the line by normal deviations of one variance: one job's best sparsity is uncertain by
    more than its seeds say, and its deviation holds that. Jobs on different data sets are pooled: a trend over such a
    mixture may be the mixture's.
    """
    families = sorted({a.family for a in answers})
    points = tuple(sorted(answers, key=lambda a: (a.family, a.size, a.job_id)))
    return MetaAnswer(points, tuple(_trend(f, [a for a in answers if a.family == f]) for f in families))


def _trend(family: str, answers: Sequence[JobBest]) -> Trend:
    x = np.array([math.log10(a.size) for a in answers])
    y = np.array([-math.log2(1.0 - min(a.sparsity, 0.999)) for a in answers])
    sizes = len({a.size for a in answers})
    if sizes < 3:
        return Trend(family, None, None, None, None, len(answers), sizes)
    dx = x - x.mean()
    slope = float(dx @ y / (dx @ dx))
    intercept = float(y.mean() - slope * x.mean())
    left = y - intercept - slope * x
    degrees = len(answers) - 2
    half = t_quantile(degrees) * math.sqrt(float(left @ left) / degrees / float(dx @ dx))
    if half <= ROUNDING:
        return Trend(family, slope, None, None, intercept, len(answers), sizes)
    return Trend(family, slope, slope - half, slope + half, intercept, len(answers), sizes)
