"""Mask schedules side by side: one small chart per update interval or method, all with the same axes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from analysis.charting.course import NAMES, updates
from analysis.charting.frame import (
    COLOUR,
    Canvas,
    Row,
    data,
    draw,
    framed,
    href,
    layered,
    side_by_side,
    style,
    tooltip,
)
from analysis.labels import METHODS, metric_title
from analysis.units import number, percent
from sparseift.records import Metric

By = Literal["delta_t_steps", "method"]
Measure = Literal["value", "churn", "itop"]
Link = Callable[[int], str]
HEIGHT = 150  # px of a panel
WIDTH = 290  # px of a panel in a picture, its axis included
AXIS = 60  # px of it
MOST = 9  # panels
TICKS = 50  # mask updates drawn at most
EARLY = 1 / 3  # of training, whose values may lie outside the axis: they would flatten the rest


@dataclass(frozen=True, slots=True)
class Panel:
    """Trials that share an update interval, or a method.

    Attributes:
        title: "ΔT 100 steps", "RigL", "static".
        group: all of them, flat rows with number, family, sparsity, value and schedule; what tables aggregate.
        trials: those of the group that are drawn; courses: of each, measure -> (step, value).
        total_steps: of each run.
    """

    title: str
    group: tuple[Mapping[str, Any], ...]
    trials: tuple[Mapping[str, Any], ...]
    courses: tuple[Mapping[str, Any], ...]
    total_steps: int


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


def best_of(group: Sequence[Mapping[str, Any]], metric: Metric, most: int) -> list[Mapping[str, Any]]:
    """The best trials of a group, to be drawn: they say nothing of the group's mean."""
    sign = -1.0 if metric.direction == "maximize" else 1.0
    return sorted((t for t in group if t["value"] is not None), key=lambda t: sign * t["value"])[:most]


def updates_of(trial: Mapping[str, Any], total_steps: int) -> tuple[int, ...]:
    """The steps at which a trial's masks are updated."""
    schedule = {k: trial[k] for k in ("delta_t_steps", "t_end_fraction") if trial.get(k) is not None}
    return updates(schedule, total_steps)


def rug(p: Panel) -> list[Row]:
    """Steps of mask updates with the share of the drawn trials that update then; evenly thinned to `TICKS`."""
    counts: dict[int, int] = {}
    for t in p.trials:
        for step in updates_of(t, p.total_steps):
            counts[step] = counts.get(step, 0) + 1
    steps = sorted(counts)
    return [{"x": s, "share": counts[s] / len(p.trials)} for s in steps[:: max(1, -(-len(steps) // TICKS))]]


def domain(panels: Sequence[Panel], measure: Measure) -> tuple[float, float]:
    """The axis that all panels share: for values without the first third of training (`EARLY`)."""
    late = [
        v
        for p in panels
        for c in p.courses
        for s, v in c[measure]
        if measure != "value" or s >= EARLY * (c["total_steps"] or 0)
    ]
    low, high = (min(late), max(late)) if late else (0.0, 1.0)
    low = 0.0 if measure == "churn" else low
    pad = 0.05 * ((high - low) or 1.0)
    return low if measure == "churn" else low - pad, high + pad


def caption(panels: Sequence[Panel], measure: Measure) -> str:
    """What the panels' marks mean, as far as they have them."""
    low, high = domain(panels, measure)
    most = max((len(p.trials) for p in panels), default=0)
    rugs = [row["share"] for p in panels for row in rug(p)]
    cut = any(not low <= v <= high for p in panels for c in p.courses for _, v in c[measure])
    clauses = {
        f"At most {most} trials are drawn in each panel, the best ones; the table is of all." if most > 1 else "": any(
            len(p.group) > len(p.trials) for p in panels
        ),
        "x: optimizer steps; all panels have the same axes.": True,
        "Ticks: mask updates.": bool(rugs),
        "Paler ticks: some of the trials update then.": any(share < 1 for share in rugs),
        "Early values that lie outside the axis are cut.": cut,
    }
    return " ".join(words for words, holds in clauses.items() if holds and words)


def panel_chart(
    p: Panel, measure: Measure, axis: tuple[float, float], metric: Metric, canvas: Canvas, link: Link | None = None
) -> alt.LayerChart:
    """One panel: a line per drawn trial, ticks at mask updates."""
    layers = _layers(p, measure, axis, metric, canvas, link)
    return framed(layers, canvas, title=p.title, description=_said(p, metric), height=HEIGHT)


def picture(panels: Sequence[Panel], measure: Measure, metric: Metric, canvas: Canvas) -> alt.VConcatChart:
    """All panels side by side as one picture, as many in a row as its width holds."""
    axis, room = domain(panels, measure), canvas.width if isinstance(canvas.width, int) else 3 * WIDTH
    columns = max(1, min(len(panels), room // WIDTH))
    charts = [
        layered(
            _layers(p, measure, axis, metric, canvas), canvas,
            title=p.title, description=_said(p, metric), width=room // columns - AXIS, height=HEIGHT,
        )
        for p in panels
    ]  # fmt: skip
    families = {t["family"] for p in panels for t in p.trials}
    said = " ".join(_said(p, metric) for p in panels)
    return side_by_side(charts, columns, canvas, families, title=_title(measure, metric), description=said)


def _title(measure: Measure, metric: Metric) -> str:
    return f"{metric_title(metric) if measure == 'value' else NAMES[measure]}; x: optimizer steps"


def _said(p: Panel, metric: Metric) -> str:
    values = [t["value"] for t in p.group if t["value"] is not None]
    if not values:
        return f"{p.title}: {len(p.group)} trials."
    best = max(values) if metric.direction == "maximize" else min(values)
    mean = sum(values) / len(values)
    return (
        f"{p.title}: {len(p.group)} trials, mean {number(mean, metric.unit)}, best {number(best, metric.unit)} "
        f"{metric.unit}."
    )


def _layers(
    p: Panel, measure: Measure, axis: tuple[float, float], metric: Metric, canvas: Canvas, link: Link | None = None
) -> list[alt.Chart]:
    rows: list[Row] = []
    for t, course in zip(p.trials, p.courses, strict=True):
        same = {
            **style(t["family"], canvas), "Trial": t["number"], "Sparsity": percent(t["sparsity"]),
            "Final": "–" if t["value"] is None else f"{number(t['value'], metric.unit)} {metric.unit}",
            **({"href": link(t["number"])} if link else {}),
        }  # fmt: skip
        rows += [{**same, "x": step, "y": value} for step, value in course[measure]]
    x = alt.X(
        "x:Q",
        scale=alt.Scale(domain=[0, p.total_steps], nice=False),
        axis=alt.Axis(title=None, tickCount=3, grid=False, labelExpr="datum.value ? format(datum.value, '~s') : '0'"),
    )
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(domain=list(axis), nice=False, zero=False),
        axis=alt.Axis(title=None, ticks=False, tickCount=3, format="~g"),
    )
    tick = alt.Chart(data(rug(p))).mark_rule(color=canvas.ground.quiet, strokeWidth=1)
    pale = alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.1, 0.7]), legend=None)
    layers = [draw(tick, x=x, y=alt.value(HEIGHT), y2=alt.value(HEIGHT - 6), opacity=pale)]
    line = alt.Chart(data(rows)).mark_line(strokeWidth=1.6, opacity=0.75, clip=True)
    layers.append(draw(line, x=x, y=y, color=COLOUR, detail="Trial:N"))
    mark = alt.Chart(data(rows)).mark_point(filled=True, size=12, opacity=0.6, clip=True)
    words = tooltip("label", "Trial", "Sparsity", "Final")
    return [*layers, draw(mark, x=x, y=y, color=COLOUR, tooltip=words, **href(rows))]


def panel_table(panels: Sequence[Panel], unit: str) -> list[dict[str, str]]:
    """Per panel: all of its trials, their mean and range; churn and ITOP of those that are drawn."""
    found = []
    for p in panels:
        values = [t["value"] for t in p.group if t["value"] is not None]
        churn = [sum(v for _, v in c["churn"]) / len(c["churn"]) for c in p.courses if c["churn"]]
        itop = [c["itop"][-1][1] for c in p.courses if c["itop"]]
        made = sorted({len(updates_of(t, p.total_steps)) for t in p.group})
        found.append(
            {
                "Schedule": p.title,
                "Trials": str(len(p.group)),
                f"Mean ({unit})": number(sum(values) / len(values), unit) if values else "–",
                "Range": f"{number(min(values), unit)} to {number(max(values), unit)}" if values else "–",
                "Mask updates": " to ".join(map(str, dict.fromkeys((made[0], made[-1])))) if made else "–",
                "Drawn": str(len(p.trials)),
                "Churn, drawn": f"{sum(churn) / len(churn):.3f}" if churn else "–",
                "ITOP at the end, drawn": f"{sum(itop) / len(itop):.3f}" if itop else "–",
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
