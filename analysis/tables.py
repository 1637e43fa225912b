"""The tables under the chart, with the chart's numbers: in words for people, bare for CSV."""

import csv
import io
from typing import Any

from analysis.best import FamilyBest, verdict
from analysis.curve import Curve
from analysis.labels import family_name, metric_title
from analysis.ladder import DenseRung
from analysis.palette import order
from analysis.points import CurvePoint, DensePoint
from analysis.statistics import Difference
from analysis.units import difference_unit, interval_text, number, percent
from sparseift.records import DENSE

Table = list[dict[str, str]]
NOTHING = "–"


def value_heading(curve: Curve) -> str:
    """e.g. "Validation bits per byte"."""
    title = metric_title(curve.metric).split(",")[0]
    return f"Validation {title[0].lower()}{title[1:]}"


def gain_cell(gain: Difference | None, unit: str) -> str:
    """e.g. "+0.039 ± 0.007", "+0.004 ± 0.014, level" (with dense), "+0.039 (no interval)"."""
    if gain is None:
        return NOTHING
    mean = number(gain.mean, unit, signed=True)
    if gain.low is None or gain.high is None:
        return f"{mean} (no interval)"
    level = ", level" if verdict(gain) == "level" else ""
    return f"{mean} ± {number((gain.high - gain.low) / 2, unit)}{level}"


def best_table(curve: Curve) -> Table:
    """One row per family, best first, then dense and the larger dense models."""
    return [*(_best_row(curve, answer) for answer in curve.best), *_dense_rows(curve)]


def point_table(curve: Curve) -> Table:
    """One row per configuration, then dense and the larger dense models."""
    rows = [
        {
            "Family": family_name(p.family),
            "Sparsity": percent(p.sparsity),
            "Mask schedule": p.schedule or NOTHING,
            **_values(curve, p, p.gain),
            "Seeds": str(len(p.seeds)),
            "Status": status(p),
            "FLOPs × dense": f"{p.flop_ratio:.4f}",
        }
        for p in sorted(curve.points, key=lambda p: (order(p.family), p.sparsity))
    ]
    dense = _dense_rows(curve)
    columns = list((rows or dense or [{}])[0])
    return [*rows, *({column: row.get(column, NOTHING) for column in columns} for row in dense)]


def status(p: CurvePoint) -> str:
    """What a point's number is worth, in a word or two."""
    if not p.iso_flop:
        return "not iso-FLOP, not compared"
    kind = "confirmed" if p.confirmed else "provisional"
    return f"{kind}, best" if p.is_best else f"{kind}, within noise" if p.within_noise else kind


def _values(curve: Curve, p: CurvePoint | DensePoint, gain: Difference | None) -> dict[str, str]:
    unit = curve.metric.unit
    test = NOTHING if p.test_mean is None else interval_text(p.test_mean, p.test_low, p.test_high, unit)
    return {
        value_heading(curve): interval_text(p.mean, p.low, p.high, unit),
        "Test": test,
        f"Against dense ({difference_unit(unit)})": gain_cell(gain, unit),
    }


def _best_row(curve: Curve, answer: FamilyBest) -> dict[str, str]:
    p = answer.point
    return {
        "Family": family_name(answer.family),
        "Best sparsity": percent(p.sparsity),
        **_values(curve, p, p.gain),
        "Seeds": str(len(p.seeds)),
        "Status": "confirmed" if p.confirmed else "provisional",
        "P(best)": NOTHING if answer.probability is None else f"{answer.probability:.2f} (of {answer.compared})",
        "Mask schedule": p.schedule or NOTHING,
        "FLOPs × dense": f"{p.flop_ratio:.4f}",
    }


def _dense_rows(curve: Curve) -> Table:
    dense = [_dense_row(curve, curve.dense)] if curve.dense else []
    return [*dense, *(_rung_row(curve, rung) for rung in curve.ladder)]


def _rung_row(curve: Curve, rung: DenseRung) -> dict[str, str]:
    unit = curve.metric.unit
    return {
        "Family": rung.name,
        "Best sparsity": NOTHING,
        value_heading(curve): interval_text(rung.mean, rung.low, rung.high, unit),
        "Test": NOTHING,
        f"Against dense ({difference_unit(unit)})": NOTHING,
        "Seeds": str(len(rung.seeds)),
        "Status": "larger dense model",
        "P(best)": NOTHING,
        "Mask schedule": NOTHING,
        "FLOPs × dense": f"{rung.flop_multiple:.4f}",
    }


def _dense_row(curve: Curve, dense: DensePoint) -> dict[str, str]:
    return {
        "Family": family_name(DENSE),
        "Best sparsity": NOTHING,
        **_values(curve, dense, None),
        "Seeds": str(len(dense.seeds)),
        "Status": "confirmed" if dense.confirmed else "baseline",
        "P(best)": NOTHING,
        "Mask schedule": NOTHING,
        "FLOPs × dense": "1.0000",
    }


def csv_text(curve: Curve) -> str:
    """Every point, dense and the larger dense models as CSV (RFC 4180), unrounded; intervals are 95 %, or empty."""
    rows = [_csv_row(curve, p.family, p) for p in curve.points]
    if curve.dense:
        rows.append(_csv_row(curve, DENSE, curve.dense))
    rows += [_csv_rung(curve, rung) for rung in curve.ladder]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


COLUMNS = (
    *("job_id", "family", "configuration_key", "schedule", "sparsity", "metric", "unit", "mean", "low_95", "high_95"),
    *("seeds", "status", "test_mean", "test_low_95", "test_high_95", "gain_over_dense", "gain_low_95", "gain_high_95"),
    *("flop_ratio", "iso_flop", "is_best", "within_noise_of_best", "training_flops"),
)


def _csv_rung(curve: Curve, rung: DenseRung) -> dict[str, Any]:
    return {
        "job_id": curve.job_id,
        "family": DENSE,
        "sparsity": 0.0,
        "metric": curve.metric.name,
        "unit": curve.metric.unit,
        "mean": rung.mean,
        "low_95": rung.low,
        "high_95": rung.high,
        "seeds": len(rung.seeds),
        "status": "ladder",
        "flop_ratio": rung.flop_multiple,
        "iso_flop": False,
    }


def _csv_row(curve: Curve, family: str, p: CurvePoint | DensePoint) -> dict[str, Any]:
    row: dict[str, Any] = {
        "job_id": curve.job_id,
        "family": family,
        "metric": curve.metric.name,
        "unit": curve.metric.unit,
        "mean": p.mean,
        "low_95": p.low,
        "high_95": p.high,
        "seeds": len(p.seeds),
        "status": "confirmed" if p.confirmed else "provisional",
        "test_mean": p.test_mean,
        "test_low_95": p.test_low,
        "test_high_95": p.test_high,
        "training_flops": p.training_flops,
    }
    if isinstance(p, DensePoint):
        return {
            **row,
            "sparsity": 0.0,
            "flop_ratio": 1.0,
            "iso_flop": True,
            "status": "confirmed" if p.confirmed else "baseline",
        }
    gain = p.gain
    return {
        **row,
        "configuration_key": p.configuration_key,
        "schedule": p.schedule,
        "sparsity": p.sparsity,
        "gain_over_dense": gain.mean if gain else None,
        "gain_low_95": gain.low if gain else None,
        "gain_high_95": gain.high if gain else None,
        "flop_ratio": p.flop_ratio,
        "iso_flop": p.iso_flop,
        "is_best": p.is_best,
        "within_noise_of_best": p.within_noise,
    }
