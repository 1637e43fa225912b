"""A trial's course: one measure against steps or FLOPs, other seeds of its configuration faint behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from analysis.charting.frame import COLOUR, Canvas, Row, data, draw, framed, style, waiting
from analysis.units import number

Measure = Literal["train_loss", "value", "churn", "itop", "sparsity"]
Axis = Literal["step", "training_flops"]
PANEL_HEIGHT = 190  # px
TICKS = 60  # mask updates drawn at most, evenly: more would be a bar
DECIMALS: Mapping[Measure, int] = {"train_loss": 3, "churn": 3, "itop": 3, "sparsity": 3}
NAMES: Mapping[Measure, str] = {
    "train_loss": "Training loss (nats)",
    "churn": "Churn: share of weights that an update replaced",
    "itop": "ITOP: share of weights that were ever active",
    "sparsity": "Sparsity (share of masked weights that are zero)",
}
AXES: Mapping[Axis, str] = {"step": "Optimizer steps", "training_flops": "Training FLOPs"}


@dataclass(frozen=True, slots=True)
class Course:
    """One trial as its charts need it.

    Attributes:
        reports: by step, with the fields of `Measure` and `Axis`.
        others: of other seeds of the configuration, name -> measure -> (step, value).
        updates: steps at which masks are updated.
    """

    family: str
    title: str
    reports: tuple[Mapping[str, Any], ...]
    total_steps: int
    others: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]]
    updates: tuple[int, ...]


def updates(schedule: Mapping[str, Any] | None, total_steps: int) -> tuple[int, ...]:
    """The steps at which a schedule updates masks; none for static ones."""
    if not schedule or "delta_t_steps" not in schedule or total_steps <= 0:
        return ()
    last = int(schedule.get("t_end_fraction", 1.0) * total_steps)
    return tuple(range(schedule["delta_t_steps"], last + 1, schedule["delta_t_steps"]))


def measured(course: Course, measure: Measure) -> bool:
    """Whether the trial reported this measure; a sparsity that never changes needs no chart."""
    values = {r[measure] for r in course.reports if r.get(measure) is not None}
    return len(values) > (measure == "sparsity")


def course_chart(course: Course, measure: Measure, name: str, axis: Axis, canvas: Canvas) -> alt.LayerChart:
    """One measure of a trial.

    Args:
        name: of the measure, with its unit.
    """
    rows = _rows(course, measure, axis)
    if not rows:
        return waiting(canvas, "Appears with the first report", name, PANEL_HEIGHT)
    kind = style(course.family, canvas)
    mine: list[Row] = [{**r, "colour": kind["colour"]} for r in rows]
    x = alt.X("x:Q", axis=_x_axis(axis), scale=alt.Scale(domain=[0, _end(course, rows, axis)], nice=False))
    y = alt.Y("y:Q", axis=alt.Axis(title=None, tickCount=4, ticks=False, format="~g"), scale=alt.Scale(zero=False))
    layers = []
    faint = _other_rows(course, measure) if axis == "step" else []
    if faint:
        line = alt.Chart(data(faint)).mark_line(color=canvas.ground.quiet, strokeWidth=1, opacity=0.45)
        layers.append(draw(line, x=x, y=y, detail="other:N", tooltip=["other:N", "step:Q"]))
    if axis == "step" and measure in ("churn", "itop", "value") and course.updates:
        stride = max(1, -(-len(course.updates) // TICKS))
        ticks = alt.Chart(data([{"x": s} for s in course.updates[::stride]]))
        rug = ticks.mark_rule(color=canvas.ground.quiet, opacity=0.5, strokeWidth=1)
        bottom, top = alt.value({"expr": "height"}), alt.value({"expr": "height - 7"})
        layers.append(draw(rug, x=x, y=bottom, y2=top))
    shape: Any = "step-after" if measure == "churn" else "linear"
    line = alt.Chart(data(mine)).mark_line(strokeWidth=2.2, interpolate=shape)
    layers.append(draw(line, x=x, y=y, color=COLOUR))
    few = len(mine) <= 60
    point = alt.Chart(data(mine)).mark_point(filled=True, size=28 if few else 8, opacity=0.9)
    words = [
        alt.Tooltip("step:Q", format=","),
        alt.Tooltip("flops:N", title="FLOPs"),
        alt.Tooltip("shown:N", title=name),
    ]
    layers.append(draw(point, x=x, y=y, color=COLOUR, tooltip=words))
    first, last = rows[0]["shown"], rows[-1]["shown"]
    text = f"{name} of {course.title}: {first} at first, {last} at step {rows[-1]['step']}."
    return framed(layers, canvas, title=name, description=text, height=PANEL_HEIGHT)


def course_table(course: Course, unit: str, most: int = 60) -> list[dict[str, str]]:
    """The reports in words, thinned evenly to so many; the last one is there."""
    step = max(1, -(-len(course.reports) // most))
    chosen = list(course.reports[::-1][::step])[::-1]
    return [
        {
            "Step": f"{r['step']:,}".replace(",", " "),
            "Training FLOPs": f"{r['training_flops']:.3g}",
            "Training loss": _cell(r.get("train_loss"), ""),
            "Validation": _cell(r.get("value"), unit),
            "Churn": _cell(r.get("churn"), ""),
            "ITOP": _cell(r.get("itop"), ""),
            "Sparsity": _cell(r.get("sparsity"), ""),
            "Seconds": f"{r['seconds']:.0f}",
        }
        for r in chosen
    ]


def _cell(value: float | None, unit: str) -> str:
    return "–" if value is None else number(value, unit)


def _rows(course: Course, measure: Measure, axis: Axis) -> list[Row]:
    decimals = DECIMALS.get(measure, 2)
    return [
        {"x": r[axis], "y": r[measure], "step": r["step"], "flops": f"{r['training_flops']:.3g}",
         "shown": f"{r[measure]:.{decimals}f}"}
        for r in course.reports
        if r.get(measure) is not None and r.get(axis) is not None
    ]  # fmt: skip


def _other_rows(course: Course, measure: Measure) -> list[Row]:
    return [
        {"x": step, "y": value, "step": step, "other": name}
        for name, series in course.others.items()
        for step, value in series.get(measure, ())
    ]


def _end(course: Course, rows: Sequence[Row], axis: Axis) -> float:
    last = float(rows[-1]["x"])
    return max(float(course.total_steps), last) if axis == "step" else last


def _x_axis(axis: Axis) -> alt.Axis:
    form = "~s" if axis == "step" else ".2~e"
    return alt.Axis(
        title=AXES[axis],
        labelExpr=f"datum.value ? format(datum.value, '{form}') : '0'",
        tickCount=4,
        grid=False,
        labelOverlap="greedy",
    )
