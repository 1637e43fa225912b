"""Who is better for the same cost: the front as a step line, dominated points faint, dense models among them."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import altair as alt

from analysis.charting.frame import COLOUR, SHAPE, Canvas, Row, data, draw, framed, href, style, tooltip
from analysis.charting.frame import waiting as empty
from analysis.pointing import Pointing
from analysis.units import interval_text, percent
from sparseift.records import DENSE

Answer = Mapping[str, Any]  # of `GET /v1/jobs/{job}/pareto`
Link = Callable[[Mapping[str, Any]], str]
HEIGHT = 380  # px
MOST = 1500  # dominated points drawn, evenly; the front is whole
MOST_ROWS = 100  # of the table; files have everything
STATUS = {"front": "on the front", "tied": "within noise of the front", "dominated": "dominated", "unknown": "unknown"}


def pareto_chart(answer: Answer, canvas: Canvas, link: Link | None = None) -> alt.LayerChart:
    """Metric against a cost, logarithmic."""
    metric, points = answer["metric"], answer["points"]
    title = f"Validation {metric['name'].replace('_', ' ')} ({metric['unit']}), {_better(answer)} is better"
    if not points:
        return empty(canvas, "The front begins with the first complete trial", title, HEIGHT)
    ground = canvas.ground
    rows = [_row(p, answer, canvas) | ({"href": link(p)} if link else {}) for p in _thinned(points)]
    front = sorted((r for r in rows if r["is_front"]), key=lambda r: r["x"])
    x = alt.X(
        "x:Q",
        scale=alt.Scale(type="log", nice=False, padding=26),
        axis=alt.Axis(title=_cost_title(answer["cost_unit"]), format=".2~s", tickCount=5, grid=False),
    )
    y_scale, y_axis = alt.Scale(zero=False, padding=12), alt.Axis(title=None, ticks=False, tickCount=6)
    y = alt.Y("y:Q", scale=y_scale, axis=y_axis)
    pointed = Pointing()
    words = tooltip("name", "Value", "Cost", "Seeds", "Standing")
    layers = [pointed.reach(rows, x=x, y=y, tooltip=words)]
    ending = [*front, {**front[-1], "x": max(r["x"] for r in rows)}] if front else []
    line = alt.Chart(data(ending)).mark_line(interpolate="step-after", color=ground.ink, strokeWidth=1.8)
    layers.append(draw(line, x=x, y=y))
    faint = alt.Chart(data([r for r in rows if not r["is_front"]])).mark_point(filled=True, size=38)
    layers.append(
        draw(faint, x=x, y=y, color=COLOUR, shape=SHAPE, opacity=pointed.dim(0.4), tooltip=words, **href(rows))
    )
    spans = alt.Chart(data([r for r in front if r["low"] is not None])).mark_rule(strokeWidth=1.6, clip=True)
    low = alt.Y("low:Q", scale=y_scale, axis=y_axis)
    layers.append(draw(spans, x=x, y=low, y2="high:Q", color=COLOUR, opacity=pointed.dim(0.7)))
    mark = alt.Chart(data(rows)).mark_point(size=95, strokeWidth=2, filled=True)
    bright = alt.OpacityValue(0, condition=[{"test": "datum.is_front", "value": 1}])
    layers.append(
        draw(mark, x=x, y=y, color=COLOUR, shape=SHAPE, opacity=bright, tooltip=words, **href(rows)).add_params(
            pointed.over
        )
    )
    middle = math.sqrt(min(r["x"] for r in rows) * max(r["x"] for r in rows))
    sides: tuple[tuple[Literal["left", "right"], int], ...] = (("left", 1), ("right", -1))
    for side, sign in sides:  # labels stand towards the middle, clear of their intervals
        there = [r for r in rows if r["family"] == DENSE and (r["x"] <= middle) == (side == "left")]
        text = alt.Chart(data(there)).mark_text(align=side, dx=10 * sign, fontSize=12, fontWeight=600)
        layers.append(draw(text, x=x, y=y, text="short:N", color=alt.Color("ink:N", scale=None)))
    said = "; ".join(f"{r['name']} {r['Value']}" for r in front)
    return framed(layers, canvas, title=title, description=f"Pareto front, {len(front)} points: {said}.", height=HEIGHT)


def _cost_title(unit: str) -> list[str]:
    """The cost, and what a FLOP is where it counts them; two lines, for narrow pages."""
    what = f"{unit[:1].upper()}{unit[1:]}"
    return [f"{what},", "1 multiply-add = 2 FLOPs (log)"] if "FLOPs" in unit else [f"{what} (log)"]


def _better(answer: Answer) -> str:
    return "higher" if answer["metric"]["direction"] == "maximize" else "lower"


def _thinned(points: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    others = [p for p in points if not p["is_front"]]
    step = max(1, -(-len(others) // MOST))
    return [p for p in points if p["is_front"]] + others[::step]


def _row(p: Mapping[str, Any], answer: Answer, canvas: Canvas) -> Row:
    unit = answer["metric"]["unit"]
    dense = p["family"] == DENSE
    return {
        **style(p["family"], canvas), "x": p["cost"], "y": p["mean"], "low": p["low"], "high": p["high"],
        "is_front": p["is_front"], "name": p["label"], "Cost": f"{p['cost']:.3g}", "Seeds": p["seeds"],
        "Value": f"{interval_text(p['mean'], p['low'], p['high'], unit)} {unit}", "Standing": STATUS[p["status"]],
        "short": f"Dense {p['flop_multiple']:.3g}×" if dense else "", "shape": "square" if dense else style(
            p["family"], canvas)["shape"],
    }  # fmt: skip


def shown(answer: Answer) -> list[Mapping[str, Any]]:
    """What the table shows: the front, then what noise does not separate from it, best first; at most `MOST_ROWS`."""
    sign = -1.0 if answer["metric"]["direction"] == "maximize" else 1.0
    front = [p for p in answer["points"] if p["is_front"]]
    tied = sorted((p for p in answer["points"] if p["status"] == "tied"), key=lambda p: sign * p["mean"])
    return [*front, *tied][:MOST_ROWS]


def pareto_table(answer: Answer) -> list[dict[str, str]]:
    """`shown` in words."""
    unit = answer["metric"]["unit"]
    return [
        {
            "Configuration": p["label"],
            "Sparsity": percent(p["sparsity"]),
            "Cost": f"{p['cost']:.4g}",
            f"Validation ({unit}), 95 %": interval_text(p["mean"], p["low"], p["high"], unit),
            "Seeds": str(p["seeds"]),
            "Standing": STATUS[p["status"]],
            "P(front)": "–" if p["front_probability"] is None else f"{p['front_probability']:.2f}",
        }
        for p in shown(answer)
    ]
