"""Accuracy against FLOPs: the dense ladder with its fit, and which dense model each sparse point equals; an answer."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from analysis.charting.frame import COLOUR, Canvas, Row, data, dim, draw, framed, hover, style, tooltip, waiting
from analysis.labels import family_name, short_family_name
from analysis.layout import Range, spread
from analysis.statistics import t_quantile
from analysis.units import interval_text, number, percent

Answer = Mapping[str, Any]  # of `GET /v1/jobs/{job}/equivalence`
HEIGHT = 380  # px
BEYOND = {"above_range": "beyond the ladder", "level_with_largest": "the ladder's end or beyond"}  # reason -> words
GRID = 61  # places of the drawn fit
Floats = NDArray[np.float64]


def fit_band(answer: Answer) -> tuple[Floats, Floats, Floats | None]:
    """The dense fit over its measured range: multiples of the baseline's FLOPs, the metric there, and the half width of
    its pointwise 95 % band (None without noise): t · sd · √(xᵀ(XᵀWX)⁻¹x), W the runs behind each size."""
    coefficients = np.array(answer["coefficients"], dtype=np.float64)
    u = np.log2(np.array([s["flop_multiple"] for s in answer["sizes"]], dtype=np.float64))
    grid = np.linspace(u.min(), u.max(), GRID)
    design = np.vander(grid, len(coefficients), increasing=True)
    mean = design @ coefficients
    if answer["residual_sd"] is None:
        return 2**grid, mean, None
    sizes = np.vander(u, len(coefficients), increasing=True)
    weights = np.array([len(s["runs"]) for s in answer["sizes"]], dtype=np.float64)
    covariance = np.linalg.inv(sizes.T @ (weights[:, None] * sizes))
    error = answer["residual_sd"] * np.sqrt(np.einsum("ij,jk,ik->i", design, covariance, design))
    return 2**grid, mean, np.asarray(t_quantile(answer["degrees"]) * error, dtype=np.float64)


def equivalence_chart(answer: Answer, means: Mapping[str, float], canvas: Canvas) -> alt.LayerChart:
    """Dense models and their fit over a logarithmic axis of FLOPs; each sparse point at 1× is led to the curve.

    Args:
        means: metric of each multiplier's configuration, by key.
    """
    metric = answer["metric"]
    unit = metric["unit"]
    title = f"Validation {metric['name'].replace('_', ' ')} ({unit})"
    if not answer["sizes"]:
        return waiting(canvas, "Dense models appear as their runs finish", title, HEIGHT)
    ground = canvas.ground
    dense = [
        {"x": s["flop_multiple"], "y": s["mean"], "low": s["low"], "high": s["high"], "Model": f"Dense {times(s)}",
         "Value": interval_text(s["mean"], s["low"], s["high"], unit), "Seeds": len(s["runs"]), "words": times(s)}
        for s in answer["sizes"]
    ]  # fmt: skip
    sparse: list[Row] = []
    for m in answer["multipliers"]:
        if m["key"] in means:
            kind = style(m["family"], canvas)
            sparse.append(
                {**kind, "x": 1.0, "y": means[m["key"]], "to": m["value"], "low": m["low"], "high": m["high"],
                 "is_above": m["reason"] in BEYOND,
                 "Equals": multiplier_text(m), "Sparsity": percent(m["sparsity"]), "Why": m["message"] or "–"}
            )  # fmt: skip
    most = max([d["x"] for d in dense] + [1.05])
    edges = Range(0.93, most * 1.12)
    x_scale = alt.Scale(type="log", base=2, domain=[edges.low, edges.high], nice=False)
    ticks = [2**i for i in range(math.ceil(math.log2(most)) + 1)]
    x_axis = alt.Axis(
        values=ticks, labelExpr="datum.value == 1 ? 'dense' : datum.value + '× dense'", grid=False,
        title="Inference FLOPs, 1 multiply-add = 2 FLOPs (log)",
    )  # fmt: skip
    every = [v for r in [*dense, *sparse] for v in (r["y"],)] + [
        v for d in dense for v in (d["low"], d["high"]) if v is not None
    ]
    pad = 0.08 * ((max(every) - min(every)) or 1.0)
    room = Range(min(every) - pad, max(every) + pad)
    y_scale = alt.Scale(domain=[room.low, room.high], nice=False, zero=False)
    x = alt.X("x:Q", scale=x_scale, axis=x_axis)
    y_axis = alt.Axis(title=None, ticks=False, tickCount=6)

    def along(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", scale=y_scale, axis=y_axis)

    pointed = hover()
    layers = [*_fit(answer, x, along, canvas)]
    marks = alt.Chart(data(dense))
    spans = alt.Chart(data([d for d in dense if d["low"] is not None])).mark_rule(color=ground.ink, strokeWidth=1.6)
    layers.append(draw(spans, x=x, y=along("low"), y2="high:Q"))
    point = marks.mark_point(filled=True, shape="square", size=64, color=ground.ink, opacity=1)
    layers.append(draw(point, x=x, y=along("y"), tooltip=tooltip("Model", "Value", "Seeds")))
    named = marks.mark_text(dy=13, dx=7, align="left", fontSize=12, color=ground.quiet)
    layers.append(draw(named, x=x, y=along("y"), text="words:N"))
    reached = [s for s in sparse if s["to"] is not None]
    lead = alt.Chart(data([*reached, *({**s, "to": edges.high} for s in sparse if s["is_above"])]))
    dots = lead.mark_rule(strokeWidth=1.4, strokeDash=[2, 3])
    layers.append(draw(dots, x=x, x2="to:Q", y=along("y"), color=COLOUR, opacity=dim(pointed)))
    span = alt.Chart(data(_spans(reached, edges))).mark_rule(strokeWidth=5, strokeCap="round")
    low = alt.X("low:Q", scale=x_scale, axis=x_axis)
    layers.append(draw(span, x=low, x2="high:Q", y=along("y"), color=COLOUR, opacity=dim(pointed, 0.4)))
    for side, ends in _open_ends(sparse, edges).items():
        arrow = alt.Chart(data(ends)).mark_point(shape=f"triangle-{side}", size=90, filled=True, opacity=1)
        layers.append(draw(arrow, x=x, y=along("y"), color=COLOUR, opacity=dim(pointed, 0.8)))
    tip = alt.Chart(data(reached)).mark_point(shape="circle", size=46, strokeWidth=2, fill=ground.paper, opacity=1)
    layers.append(
        draw(tip, x=alt.X("to:Q", scale=x_scale, axis=x_axis), y=along("y"), stroke=COLOUR, opacity=dim(pointed))
    )
    start = alt.Chart(data(sparse)).mark_point(filled=True, size=90, opacity=1)
    layers.append(
        draw(
            start, x=x, y=along("y"), color=COLOUR, shape=alt.Shape("shape:N", scale=None), opacity=dim(pointed),
            tooltip=tooltip("label", "Sparsity", "Equals", "Why"),
        ).add_params(pointed)
    )  # fmt: skip
    labels = _labels(sparse, room)
    word = alt.Chart(data(labels)).mark_text(align="left", baseline="middle", fontSize=12, fontWeight=600)
    ink = alt.Color("ink:N", scale=None)
    layers.append(
        draw(word, x=alt.value({"expr": "width + 8"}), y=along("at"), text="words:N", color=ink, opacity=dim(pointed))
    )
    said = "; ".join(f"{r['label']} at {r['Sparsity']}: {r['Equals']}" for r in sparse)
    return framed(layers, canvas, title=title, description=f"{title}. {said}.", height=HEIGHT)


def _fit(answer: Answer, x: alt.X, along: Any, canvas: Canvas) -> list[alt.Chart]:
    if not answer["coefficients"]:
        return []
    places, mean, half = fit_band(answer)
    rows = [{"x": float(p), "y": float(m)} for p, m in zip(places, mean, strict=True)]
    layers = []
    if half is not None:
        for row, h in zip(rows, half, strict=True):
            row |= {"low": row["y"] - float(h), "high": row["y"] + float(h)}
        band = alt.Chart(data(rows)).mark_area(color=canvas.ground.band, opacity=0.75, clip=True)
        layers.append(draw(band, x=x, y=along("low"), y2="high:Q"))
    line = alt.Chart(data(rows)).mark_line(color=canvas.ground.ink, strokeWidth=2)
    return [*layers, draw(line, x=x, y=along("y"))]


def _spans(reached: Sequence[Row], edges: Range) -> list[Row]:
    """The multipliers' intervals; an end beyond the dense models lies at the axis's."""
    ends = {"low": edges.low, "high": edges.high}
    return [{**s, **{end: edge for end, edge in ends.items() if s[end] is None}} for s in reached]


def _open_ends(sparse: Sequence[Row], edges: Range) -> dict[str, list[Row]]:
    """Where arrows stand: at an axis's end that an interval, or the whole point, leaves."""
    left = [{**s, "x": edges.low} for s in sparse if s["to"] is not None and s["low"] is None]
    right = [{**s, "x": edges.high} for s in sparse if s["is_above"] or (s["to"] is not None and s["high"] is None)]
    return {side: rows for side, rows in (("left", left), ("right", right)) if rows}


def _labels(sparse: Sequence[Row], room: Range) -> list[Row]:
    """A label right of the plot at each family's height, nudged apart."""
    places = spread([s["y"] for s in sparse], 17 * room.size / HEIGHT, room)
    return [
        {**s, "at": at, "words": short_family_name(s["family"]) + (f" {s['to']:.2f}×" if s["to"] is not None else "")}
        for s, at in zip(sparse, places, strict=True)
    ]


def times(size: Mapping[str, Any]) -> str:
    """e.g. "2×"."""
    return f"{size['flop_multiple']:.3g}×"


def multiplier_text(m: Mapping[str, Any]) -> str:
    """e.g. "dense 2.3× [2.0, 2.7]", with an open end where the interval leaves the ladder; else why there is none."""
    if m["value"] is None:
        return BEYOND.get(m["reason"], "no multiplier")
    low = "<1" if m["low"] is None else f"{m['low']:.2f}"
    high = "beyond the ladder" if m["high"] is None else f"{m['high']:.2f}"
    return f"dense {m['value']:.2f}× [{low}, {high}]"


def headline(answer: Answer) -> str:
    """The best multiplier in a sentence, or why there is none.

    Confirmed ones go before provisional ones, which were picked by their own runs and flatter themselves; the interval
    of the one that is told holds for all that it was picked from.
    """
    found = [m for m in answer["multipliers"] if m["value"] is not None or m["reason"] in BEYOND]
    if found:
        largest = answer["sizes"][-1]
        m = max(found, key=lambda m: _rank(m, largest))
        how = "" if m["confirmed"] else ", provisional until confirmed"
        text = f"{family_name(m['family'])} at {percent(m['sparsity'])} sparsity is"
        if m["value"] is None:
            where = "beyond" if m["reason"] == "above_range" else "level with"
            return f"{text} {where} the largest dense model, {times(largest)}: no multiplier is given{how}."
        return f"{text} as good as {multiplier_text(m)}{how}."
    if not answer["multipliers"]:
        return "No sparse point has a result yet."
    m = answer["multipliers"][0]
    return f"No dense-equivalent multiplier: {m['message'][:1].lower()}{m['message'][1:]}"


def _rank(m: Mapping[str, Any], largest: Mapping[str, Any]) -> tuple[bool, float]:
    """By what it equals: level with the largest is no more than the largest."""
    if m["value"] is not None:
        return m["confirmed"], m["value"]
    return m["confirmed"], math.inf if m["reason"] == "above_range" else largest["flop_multiple"]


def sizes_table(answer: Answer) -> list[dict[str, str]]:
    """The dense models."""
    column = f"Validation ({answer['metric']['unit']}), 95 %"
    unit = answer["metric"]["unit"]
    return [
        {"Model": f"Dense {times(s)}", column: interval_text(s["mean"], s["low"], s["high"], unit),
         "Seeds": str(len(s["runs"])), "FLOPs × dense": f"{s['flop_multiple']:.4f}"}
        for s in answer["sizes"]
    ]  # fmt: skip


def multiplier_table(answer: Answer, means: Mapping[str, float]) -> list[dict[str, str]]:
    """What each family's best equals, or why that cannot be said."""
    unit = answer["metric"]["unit"]
    return [
        {
            "Family": family_name(m["family"]),
            "Sparsity": percent(m["sparsity"]),
            f"Validation ({unit})": number(means[m["key"]], unit) if m["key"] in means else "–",
            "Equals": multiplier_text(m),
            "Status": "confirmed" if m["confirmed"] else "provisional",
            "Note": m["message"],
        }
        for m in answer["multipliers"]
    ]
