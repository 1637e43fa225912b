"""The Curve: all that an iso-FLOP page shows, computed once; JSON, chart, table and notebook only draw it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from analysis.best import FamilyBest, judge, winner
from analysis.headline import headline, is_unfinished, progress_text
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

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` inverts it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`; lists come back as tuples."""
        return cls(
            **{
                **value,
                "metric": Metric(**value["metric"]),
                "dense": DensePoint(**_tuples(value["dense"])) if value["dense"] else None,
                "points": tuple(_point(p) for p in value["points"]),
                "best": tuple(FamilyBest(**{**_tuples(b), "point": _point(b["point"])}) for b in value["best"]),
                "remarks": tuple(value["remarks"]),
                "planned_levels": tuple(value["planned_levels"]),
            }
        )


def _tuples(value: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}


def _point(value: Mapping[str, Any]) -> CurvePoint:
    gain = Difference(**value["gain"]) if value["gain"] else None
    return CurvePoint(**{**_tuples(value), "gain": gain})


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
    dense = aggregate_dense(measurements)
    points, best = judge(aggregate(measurements, configurations or {}), dense, metric)
    first = winner(points, dense, metric, best)
    notes = remarks(best, first, points)
    if confirm_seeds is not None and not is_unfinished(counts, expected_runs):
        notes = (*notes, *lost_seeds(dense, best, counts, confirm_seeds))
    return Curve(
        job_id=job_id,
        name=name,
        metric=metric,
        dense=dense,
        points=points,
        best=best,
        headline=headline(metric, dense, first, counts, expected_runs, confirm_seeds),
        remarks=notes,
        progress=progress_text(counts, expected_runs),
        counts=dict(counts),
        expected_runs=expected_runs,
        planned_levels=tuple(sorted({p.sparsity for p in plan.points if p.feasible})),
        dense_training_flops=plan.dense_training_flops,
        provenance=dict(provenance or {}),
    )
