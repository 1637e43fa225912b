"""The Curve: all that an iso-FLOP page shows, computed once; JSON, chart, table and notebook only draw it.

`findings` is the part that complete trials alone decide, and that takes long; `tell` adds how far the job is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from typing import Any, Self

from analysis.best import FamilyBest, Winner, judge, winner
from analysis.equivalence import Multiplier, dense_sizes
from analysis.headline import headline, is_unfinished, progress_text
from analysis.ladder import DenseRung, equivalents, ladder
from analysis.measurement import Measurement
from analysis.points import CurvePoint, DensePoint, aggregate, aggregate_dense
from analysis.remarks import lost_seeds, remarks
from analysis.statistics import Difference
from sparseift.records import Metric, Plan


@dataclass(frozen=True, slots=True)
class Curve:
    """A job's answer.

    Attributes:
        metric: of every value, on the validation split unless a name says test.
        dense: None before its first run has finished.
        points: one per sparse configuration, by family and sparsity.
        best: one per family, best family first.
        headline: the answer in one sentence; remarks: what must be known beside it.
        progress: "12 of 26 runs finished".
        counts: trials per state; expected_runs: how many there will be, where the caller knows.
        planned_levels: sparsities (fractions) of the plan's feasible points, rising: the axis before runs come.
        dense_training_flops: forward + backward FLOPs of one dense run by the plan.
        provenance: what the caller knows of the origin (model, data set, code version, …), shown as it is.
        ladder: the larger dense models, smallest first; () where none was asked for, or has a result.
        multiplier: the dense model that the best family of all equals, or why there is none to name; None while that
            best is not confirmed, or without a ladder.
    """

    job_id: str
    name: str
    metric: Metric
    dense: DensePoint | None
    points: tuple[CurvePoint, ...]
    best: tuple[FamilyBest, ...]
    headline: str
    remarks: tuple[str, ...]
    progress: str
    counts: dict[str, int]
    expected_runs: int | None
    planned_levels: tuple[float, ...]
    dense_training_flops: float
    provenance: dict[str, str] = field(default_factory=dict)
    ladder: tuple[DenseRung, ...] = ()
    multiplier: Multiplier | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` inverts it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`; lists come back as tuples.

        Fields that another version wrote and this one does not know are left out, those that it did not write yet
        (`ladder`, `multiplier`) are empty.
        """
        dense, multiplier = value["dense"], value.get("multiplier")
        return cls(
            **{
                **_known(cls, value),
                "metric": Metric(**value["metric"]),
                "dense": DensePoint(**_known(DensePoint, dense)) if dense else None,
                "points": tuple(_point(p) for p in value["points"]),
                "best": tuple(
                    FamilyBest(**{**_known(FamilyBest, b), "point": _point(b["point"])}) for b in value["best"]
                ),
                "ladder": tuple(DenseRung(**_with_gain(DenseRung, rung)) for rung in value.get("ladder", ())),
                "multiplier": Multiplier(**_known(Multiplier, multiplier)) if multiplier else None,
            }
        )


def _known(kind: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a record has; lists as tuples."""
    return {name: tuple(v) if isinstance(v := value[name], list) else v for name in _names(kind) if name in value}


@cache  # thousands of points have the same
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))


def _with_gain(kind: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    gain = value.get("gain")
    return {**_known(kind, value), "gain": Difference(**_known(Difference, gain)) if gain else None}


def _point(value: Mapping[str, Any]) -> CurvePoint:
    return CurvePoint(**_with_gain(CurvePoint, value))


@dataclass(frozen=True, slots=True)
class Findings:
    """What a job's complete trials say.

    Attributes:
        metric, dense, points, best, remarks: as in `Curve`; more may be remarked once the job has ended.
        winner: the best family of all; None without a comparable point.
        multiplier, ladder: as in `Curve`.
    """

    metric: Metric
    dense: DensePoint | None
    points: tuple[CurvePoint, ...]
    best: tuple[FamilyBest, ...]
    winner: Winner | None
    remarks: tuple[str, ...]
    multiplier: Multiplier | None = None
    ladder: tuple[DenseRung, ...] = ()


def findings(
    metric: Metric,
    measurements: Sequence[Measurement],
    configurations: Mapping[str, Mapping[str, Any]] | None = None,
    schedules: Mapping[str, str] | None = None,
) -> Findings:
    """What complete trials say, in any order.

    Args:
        metric: of every value.
        configurations: canonical configurations by key, so that points can name their mask schedule; or
        schedules: its words, of configurations that were named before.
    """
    dense = aggregate_dense(measurements)
    points, best = judge(aggregate(measurements, configurations or {}, schedules or {}), dense, metric)
    first = winner(points, dense, metric, best)
    rungs = ladder(measurements, points, dense, first, metric)
    equal = _multiplier(measurements, points, best, first, metric) if rungs else None
    return Findings(metric, dense, points, best, first, remarks(best, first, points), equal, rungs)


def _multiplier(
    measurements: Sequence[Measurement],
    points: Sequence[CurvePoint],
    best: Sequence[FamilyBest],
    first: Winner | None,
    metric: Metric,
) -> Multiplier | None:
    """Of the winner, with an interval that holds for all that it was picked from, as its gain's does."""
    if first is None or not first.point.confirmed:
        return None
    found = equivalents(dense_sizes(measurements), points, best, metric).multipliers
    return next(m for m in found if m.key == first.point.configuration_key)


def tell(
    found: Findings,
    job_id: str,
    name: str,
    plan: Plan,
    *,
    counts: Mapping[str, int],
    expected_runs: int | None = None,
    confirm_seeds: int | None = None,
    provenance: Mapping[str, str] | None = None,
) -> Curve:
    """The curve of these findings; the arguments are those of `curve`."""
    notes = found.remarks
    if confirm_seeds is not None and not is_unfinished(counts, expected_runs):
        notes = (*notes, *lost_seeds(found.dense, found.best, counts, confirm_seeds))
    return Curve(
        job_id=job_id,
        name=name,
        metric=found.metric,
        dense=found.dense,
        points=found.points,
        best=found.best,
        headline=headline(
            found.metric,
            found.dense,
            found.winner,
            counts,
            expected_runs,
            confirm_seeds,
            found.multiplier,
            found.ladder,
        ),
        remarks=notes,
        progress=progress_text(counts, expected_runs),
        counts=dict(counts),
        expected_runs=expected_runs,
        planned_levels=tuple(sorted({p.sparsity for p in plan.points if p.feasible})),
        dense_training_flops=plan.dense_training_flops,
        provenance=dict(provenance or {}),
        ladder=found.ladder,
        multiplier=found.multiplier,
    )


def curve(
    job_id: str,
    name: str,
    metric: Metric,
    plan: Plan,
    measurements: Sequence[Measurement],
    *,
    counts: Mapping[str, int],
    expected_runs: int | None = None,
    confirm_seeds: int | None = None,
    configurations: Mapping[str, Mapping[str, Any]] | None = None,
    provenance: Mapping[str, str] | None = None,
) -> Curve:
    """The curve of a job, at any time of its life.

    Args:
        job_id, name, metric: shown as they are.
        plan: what the job was accepted with.
        measurements: its complete trials, in any order.
        counts: trials per state; expected_runs: how many the job will have in the end, if known.
        confirm_seeds: on how many seeds the baseline and each family's best are to be trained, if known; then seeds
            that gave no result in a job that has ended are named.
        configurations: canonical configurations by key, so that points can name their mask schedule.
        provenance: origin of the numbers, for exports.
    """
    return tell(
        findings(metric, measurements, configurations),
        job_id,
        name,
        plan,
        counts=counts,
        expected_runs=expected_runs,
        confirm_seeds=confirm_seeds,
        provenance=provenance,
    )
