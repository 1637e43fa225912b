"""Smooth curves over sparsity with their bands, and the sparsity to try next; draws an answer."""

from collections.abc import Mapping
from typing import Any

import altair as alt

from analysis.charting.frame import COLOUR, Canvas, Row, data, dim, draw, framed, hover, style, waiting
from analysis.labels import family_name
from analysis.units import interval_text, number, percent

Answer = Mapping[str, Any]  # of `GET /v1/jobs/{job}/smooth`


def smooth_chart(answer: Answer, canvas: Canvas) -> alt.LayerChart:
    """A line per family with its 95 % band of the mean; the next sparsity to try as a tick on the axis."""
    metric = answer["metric"]
    title = f"Smooth validation {metric['name'].replace('_', ' ')} ({metric['unit']}), 95 % band"
    curves = [c for c in answer["curves"] if c["sparsities"]]
    if not curves:
        return waiting(canvas, "Appears once a family has results at three sparsities", title)
    rows: list[Row] = []
    nexts: list[Row] = []
    for c in curves:
        kind = style(c["family"], canvas)
        for s, mean, low, high in zip(c["sparsities"], c["mean"], c["low"], c["high"], strict=True):
            rows.append({**kind, "x": 100 * s, "y": mean, "low": low, "high": high})
        if c["next_sparsity"] is not None:
            nexts.append({**kind, "x": 100 * c["next_sparsity"], "words": f"next: {percent(c['next_sparsity'])}"})
    low, high = min(r["x"] for r in rows), max(r["x"] for r in rows)
    x = alt.X(
        "x:Q",
        scale=alt.Scale(domain=[low, high], nice=False),
        axis=alt.Axis(title="Sparsity, %", tickCount=6, grid=False),
    )
    scale, axis = alt.Scale(zero=False), alt.Axis(title=None, ticks=False, tickCount=5)
    y = alt.Y("y:Q", scale=scale, axis=axis)
    pointed = hover()
    band = alt.Chart(data(rows)).mark_area()
    bands = draw(
        band, x=x, y=alt.Y("low:Q", scale=scale, axis=axis), y2="high:Q", color=COLOUR, detail="family:N",
        opacity=alt.OpacityValue(0.03, condition={"param": pointed.name, "value": 0.13}),
    )  # fmt: skip
    line = alt.Chart(data(rows)).mark_line(strokeWidth=2.4)
    lines = draw(line, x=x, y=y, color=COLOUR, detail="family:N", opacity=dim(pointed))
    near = alt.Chart(data(rows)).mark_point(opacity=0, size=60)
    reacting = draw(near, x=x, y=y, tooltip=[alt.Tooltip("label:N", title="Family")]).add_params(pointed)
    tick = alt.Chart(data(nexts)).mark_point(shape="triangle-up", size=70, filled=True)
    ticks = draw(
        tick, x=x, y=alt.value({"expr": "height - 6"}), color=COLOUR, opacity=dim(pointed),
        tooltip=[alt.Tooltip("label:N", title="Family"), alt.Tooltip("words:N", title="Try")],
    )  # fmt: skip
    said = "; ".join(f"{family_name(c['family'])} best at {percent(c['best_sparsity'])}" for c in curves)
    return framed([bands, lines, reacting, ticks], canvas, title=title, description=f"{title}: {said}.")


def smooth_table(answer: Answer) -> list[dict[str, str]]:
    """Per family: where its curve is best, which levels that may be, where to look next; or why it has no curve."""
    unit = answer["metric"]["unit"]
    return [
        {
            "Family": family_name(c["family"]),
            "Best level": "–" if c["best_sparsity"] is None else percent(c["best_sparsity"]),
            f"There ({unit}), 95 % band": _there(c, unit),
            "May be best (95 %)": ", ".join(percent(s) for s in c["candidates"]) or "–",
            "Try next": "–" if c["next_sparsity"] is None else percent(c["next_sparsity"]),
            "Expected improvement": "–"
            if c["expected_improvement"] is None
            else number(c["expected_improvement"], unit),
            "Runs": str(c["runs"]),
            "Note": c["reason"],
        }
        for c in answer["curves"]
    ]


def _there(c: Mapping[str, Any], unit: str) -> str:
    """What the curve says at its best level."""
    if c["best_sparsity"] is None or not c["sparsities"]:
        return "–"
    i = min(range(len(c["sparsities"])), key=lambda i: abs(c["sparsities"][i] - c["best_sparsity"]))
    return interval_text(c["mean"][i], c["low"][i], c["high"][i], unit)


def smooth_rows(answer: Answer) -> list[dict[str, Any]]:
    """Every place of every curve with its band, unrounded, for files."""
    unit = answer["metric"]["unit"]
    return [
        {"family": c["family"], "sparsity": s, "unit": unit, "mean": mean, "low_95": low, "high_95": high}
        for c in answer["curves"]
        for s, mean, low, high in zip(c["sparsities"], c["mean"], c["low"], c["high"], strict=True)
    ]
