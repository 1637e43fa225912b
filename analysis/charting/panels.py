"""Mask schedules side by side: one small chart per update interval or method, all with the same axes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from analysis.charting.course import updates
from analysis.charting.frame import COLOUR, Canvas, Row, data, draw, framed, href, style, tooltip
from analysis.labels import METHODS
from analysis.units import number, percent

By = Literal["delta_t_steps", "method"]
Measure = Literal["value", "churn", "itop"]
Link = Callable[[int], str]
HEIGHT = 150  # px of a panel
WIDTH = 300  # px of a panel in a picture
MOST = 9  # panels
TICKS = 50  # mask updates drawn at most


@dataclass(frozen=True, slots=True)
class Panel:
    """Trials that share an update interval, or a method.

    Attributes:
        title: "ΔT 100 steps", "RigL", "static".
        trials: flat rows with number, family, sparsity, value; courses: of each, measure -> (step, value).
        updates: steps of the mask updates of its first trial.
    """

    title: str
    trials: tuple[Mapping[str, Any], ...]
    courses: tuple[Mapping[str, Any], ...]
    updates: tuple[int, ...]


def groups(trials: Sequence[Mapping[str, Any]], by: By) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Trials by update interval (static ones, which have none, first) or by method; at most `MOST` groups.

    Where there are more intervals than panels, neighbours share one.
    """
    if by == "method":
        names = sorted({t["method"] for t in trials if t["method"]})
        return [(METHODS.get(m, m), [t for t in trials if t["method"] == m]) for m in names][:MOST]
    static = [t for t in trials if t["delta_t_steps"] is None and t["method"]]
    moving = sorted((t for t in trials if t["delta_t_steps"] is not None), key=lambda t: t["delta_t_steps"])
    steps = sorted({t["delta_t_steps"] for t in moving})
    room = MOST - bool(static)
    size = max(1, -(-len(steps) // room))
    found: list[tuple[str, list[Mapping[str, Any]]]] = [("static: no update", static)] if static else []
    for i in range(0, len(steps), size):
        low, high = steps[i], steps[min(i + size, len(steps)) - 1]
        title = f"ΔT {low} steps" if low == high else f"ΔT {low}–{high} steps"
        found.append((title, [t for t in moving if low <= t["delta_t_steps"] <= high]))
    return found


def panel(
    title: str, trials: Sequence[Mapping[str, Any]], courses: Sequence[Mapping[str, Any]], total_steps: int
) -> Panel:
    """A panel of these trials with their courses."""
    first = trials[0] if trials else {}
    schedule = {k: first[k] for k in ("delta_t_steps", "t_end_fraction") if first.get(k) is not None}
    return Panel(title, tuple(trials), tuple(courses), updates(schedule, total_steps))


def domain(panels: Sequence[Panel], measure: Measure) -> tuple[float, float]:
    """The axis that all panels share: for values without the first third of training, which would flatten the rest."""
    late = [
        v
        for p in panels
        for c in p.courses
        for s, v in c[measure]
        if measure != "value" or s >= (c["total_steps"] or 0) / 3
    ]
    low, high = (min(late), max(late)) if late else (0.0, 1.0)
    low = 0.0 if measure == "churn" else low
    pad = 0.05 * ((high - low) or 1.0)
    return low if measure == "churn" else low - pad, high + pad


def panel_chart(
    p: Panel, measure: Measure, axis: tuple[float, float], total_steps: int, unit: str, canvas: Canvas,
    link: Link | None = None,
) -> alt.LayerChart:  # fmt: skip
    """One panel: a line per trial, ticks at mask updates."""
    rows: list[Row] = []
    for t, course in zip(p.trials, p.courses, strict=True):
        same = {
            **style(t["family"], canvas), "Trial": t["number"], "Sparsity": percent(t["sparsity"]),
            "Final": "–" if t["value"] is None else f"{number(t['value'], unit)} {unit}",
            **({"href": link(t["number"])} if link else {}),
        }  # fmt: skip
        rows += [{**same, "x": step, "y": value} for step, value in course[measure]]
    x = alt.X(
        "x:Q",
        scale=alt.Scale(domain=[0, total_steps], nice=False),
        axis=alt.Axis(title=None, tickCount=3, grid=False, labelExpr="datum.value ? format(datum.value, '~s') : '0'"),
    )
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(domain=list(axis), nice=False, zero=False),
        axis=alt.Axis(title=None, ticks=False, tickCount=3, format="~g"),
    )
    layers = []
    stride = max(1, -(-len(p.updates) // TICKS))
    rug = alt.Chart(data([{"x": s} for s in p.updates[::stride]]))
    tick = rug.mark_rule(color=canvas.ground.quiet, opacity=0.6, strokeWidth=1)
    layers.append(draw(tick, x=x, y=alt.value({"expr": "height"}), y2=alt.value({"expr": "height - 6"})))
    line = alt.Chart(data(rows)).mark_line(strokeWidth=1.6, opacity=0.75, clip=True)
    layers.append(draw(line, x=x, y=y, color=COLOUR, detail="Trial:N"))
    mark = alt.Chart(data(rows)).mark_point(filled=True, size=12, opacity=0.6, clip=True)
    layers.append(
        draw(mark, x=x, y=y, color=COLOUR, tooltip=tooltip("label", "Trial", "Sparsity", "Final"), **href(rows))
    )
    best = max((t["value"] for t in p.trials if t["value"] is not None), default=None)
    said = f"{p.title}: {len(p.trials)} trials" + (f", best {number(best, unit)} {unit}." if best is not None else ".")
    return framed(layers, canvas, title=p.title, description=said, height=HEIGHT)


def panel_table(panels: Sequence[Panel], unit: str) -> list[dict[str, str]]:
    """Per panel: how many trials, their mean and range, churn and ITOP."""
    found = []
    for p in panels:
        values = [t["value"] for t in p.trials if t["value"] is not None]
        churn = [sum(v for _, v in c["churn"]) / len(c["churn"]) for c in p.courses if c["churn"]]
        itop = [c["itop"][-1][1] for c in p.courses if c["itop"]]
        found.append(
            {
                "Schedule": p.title,
                "Trials": str(len(p.trials)),
                f"Mean ({unit})": number(sum(values) / len(values), unit) if values else "–",
                "Range": f"{number(min(values), unit)} to {number(max(values), unit)}" if values else "–",
                "Mask updates": str(len(p.updates)),
                "Mean churn": f"{sum(churn) / len(churn):.3f}" if churn else "–",
                "Final ITOP": f"{sum(itop) / len(itop):.3f}" if itop else "–",
            }
        )
    return found


def effects_table(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    """What changes of the schedule did at fixed family, sparsity and seed (`GET /v1/jobs/{job}/importance`)."""
    unit = answer["metric"]["unit"]
    return [
        {
            "Parameter": e["parameter"].replace("_", " "),
            "Change": e["change"],
            "Effect, 95 %": number(e["effect"], unit, signed=True)
            + ("" if e["low"] is None else f" [{number(e['low'], unit)}, {number(e['high'], unit)}]"),
            "Shown": "–" if e["low"] is None else "yes" if e["low"] > 0 or e["high"] < 0 else "no",
            "Runs": str(e["runs"]),
        }
        for e in answer["effects"]
    ]


def associations_table(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    """How masks' churn and ITOP go with the metric, at fixed family and sparsity."""
    names = {"itop": "ITOP", "churn": "Churn"}
    return [
        {
            "Measure": names[a["measure"]],
            "Rank correlation, 95 %": "–"
            if a["correlation"] is None
            else f"{number(a['correlation'], '', signed=True)} [{number(a['low'], '')}, {number(a['high'], '')}]",
            "Runs": str(a["runs"]),
        }
        for a in answer["associations"]
    ]


def importance_table(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    """Each parameter's share of importance, with how stable it is."""
    return [
        {
            "Parameter": i["parameter"].replace("_", " "),
            "Share of importance": f"{i['share']:.2f} [{i['low']:.2f}, {i['high']:.2f}]",
            "As large by chance": f"{i['chance']:.2f}",
            "Runs": str(i["runs"]),
        }
        for i in answer["importances"]
    ]
