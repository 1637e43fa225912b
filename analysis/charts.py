"""The iso-FLOP chart: metric against sparsity at equal FLOPs, dense as the rule to beat. It draws a Curve.

Design: direct labels instead of a legend; colour and shape per family; 95 % intervals; single-seed points hollow;
a ring around each family's best, a lighter one around what the noise does not separate from it; larger dense models
as dashed rules; hovering near a family dims the others.
"""

import re
from collections.abc import Callable, Sequence
from textwrap import wrap
from typing import Literal

import altair as alt

from analysis import marks
from analysis.curve import Curve
from analysis.labels import family_name, metric_title, short_family_name
from analysis.ladder import DenseRung, multiple_text
from analysis.layout import Range, dodges, levels, rungs_in_range, spread, x_range, y_range
from analysis.palette import GROUNDS, Ground, Theme, look, order
from analysis.pointing import Pointing
from analysis.points import CurvePoint
from analysis.statistics import Difference
from analysis.units import difference_unit, interval_text, number, percent
from sparseift.records import DENSE

Width = int | Literal["container"]
HEIGHT = 400  # px of the plot, whatever it shows: the page does not jump
NARROW = 560  # px of total width below which labels are short
LABEL_GAP = 18  # px between direct labels
CHARACTER = 6.6  # px, of the 12 px type below, on average
FONT = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif"
MOST_OTHERS = 600  # points drawn that do not lead: thousands would only overlap


def iso_flop_chart(
    curve: Curve,
    theme: Theme = "light",
    width: Width = 900,
    *,
    captioned: bool = False,
    paper: bool = True,
    link: Callable[[CurvePoint], str] | None = None,
) -> alt.LayerChart:
    """The chart of a curve in any state, empty ones included.

    Args:
        curve: what to draw.
        theme: "light" or "dark".
        width: total pixels, or "container" to follow the page.
        captioned: with headline and caption inside the picture, as a picture alone needs them.
        paper: paint the theme's ground; else the page shows through.
        link: where a click on a point leads.
    """
    ground = GROUNDS[theme]
    scene = _scene(curve, theme, width, link)
    layers = [
        marks.dense_band(scene),
        marks.dense_rule(scene),
        marks.reach(scene),
        marks.ladder_rules(scene),
        marks.leaders(scene),
        marks.lines(scene),
        marks.intervals(scene),
        marks.others(scene),
        marks.rings(scene),
        marks.leads(scene),
        marks.labels(scene),
    ]
    if not curve.points:
        layers.append(marks.waiting(scene, "Sparse points appear here as their runs finish"))
    chart = alt.LayerChart(layer=layers).properties(
        width=width,
        height=HEIGHT,
        background=ground.paper if paper else "transparent",
        description=describe(curve),
        title=_title(curve, ground, width, captioned),
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        usermeta={"embedOptions": {"actions": False}},  # its menu offers an editor on another host
        padding={"left": 4, "right": 8, "top": 8, "bottom": 8},
    )
    return _styled(chart, ground)


def caption(curve: Curve) -> str:
    """What the marks mean, as far as this chart has them."""
    y, points = y_range(curve), curve.points
    cut = any(e is not None and not y.low <= e <= y.high for p in points for e in (p.low, p.high))
    rungs = rungs_in_range(curve)
    away = [r.name for r in curve.ladder if r not in rungs]
    clauses = {
        "Mean and 95 % interval over seeds.": bool(curve.dense or points),
        "Hollow: one seed.": any(len(p.seeds) == 1 for p in points),
        "Ring: best of its family.": bool(curve.best),
        "Thin ring: within noise of it.": any(p.within_noise and p.leads for p in points),
        "Small: other mask schedules at that sparsity.": any(p.iso_flop and not p.leads for p in points),
        "Cross: not at dense's FLOPs, not compared.": any(not p.iso_flop for p in points),
        "Dashed: larger dense models, by their FLOPs.": bool(rungs),
        f"Beyond the chart: {', '.join(away)}.": bool(away),
        "Intervals that leave the chart are cut.": cut,
        f"Of {len(points)} points, {len(thinned(points))} are drawn.": len(thinned(points)) < len(points),
    }
    return " ".join(words for words, holds in clauses.items() if holds)


def unbroken(text: str) -> str:
    """The text with non-breaking spaces between numbers and what belongs to them."""
    return re.sub(r"(?<=\d) (?=%|seeds?\b|bits|points)|(?<=\bn) (?==)|(?<==) (?=\d)", "\u00a0", text)


def describe(curve: Curve) -> str:
    """The chart in words, for those who do not see it."""
    unit = curve.metric.unit
    sentences = [f"Iso-FLOP chart of {curve.name}. {metric_title(curve.metric)}. {curve.headline}"]
    if curve.dense:
        d = curve.dense
        sentences.append(f"Dense: {interval_text(d.mean, d.low, d.high, unit)}.")
    for rung in curve.ladder:
        sentences.append(f"{rung.name}: {interval_text(rung.mean, rung.low, rung.high, unit)}.")
    for answer in curve.best:
        p = answer.point
        value = interval_text(p.mean, p.low, p.high, unit)
        sentences.append(f"{family_name(answer.family)}: best {value} at {percent(p.sparsity)} sparsity.")
    return " ".join(sentences)


def _scene(curve: Curve, theme: Theme, width: Width, link: Callable[[CurvePoint], str] | None) -> marks.Scene:
    ground, ticks = GROUNDS[theme], levels(curve)
    x, y = x_range(curve), y_range(curve)
    shift = dodges((p.family for p in curve.points), x)
    dense = [{"y": d.mean, "low": d.low, "high": d.high} for d in (curve.dense,) if d]
    rows = [
        _point_row(p, curve, theme, p.sparsity + shift[p.family]) | ({"href": link(p)} if link else {})
        for p in thinned(curve.points)
    ]
    field = "text" if width == "container" else "short" if width < NARROW else "label"
    return marks.Scene(
        rows=rows,
        labels=_label_rows(curve, rows, theme, x, y),
        dense=dense,
        ladder=[_rung_row(r, curve) for r in rungs_in_range(curve)],
        x_scale=alt.Scale(domain=[x.low, x.high], nice=False, zero=False),
        y_scale=alt.Scale(domain=[y.low, y.high], nice=False, zero=False),
        x_axis=_x_axis(curve, ticks, ground),
        y_axis=_y_axis(curve),
        pointing=Pointing("family", f"datum.family === '{DENSE}'"),
        ground=ground,
        label_field=field,
    )


def thinned(points: Sequence[CurvePoint], most: int = MOST_OTHERS) -> list[CurvePoint]:
    """The points to draw: all that lead, are marked or are not comparable, and of the others so many, evenly."""
    others = [p for p in points if p.iso_flop and not (p.leads or p.is_best)]
    if len(others) <= most:
        return list(points)
    step = len(others) / most
    kept = {id(others[int(i * step)]) for i in range(most)}
    return [p for p in points if not p.iso_flop or p.leads or p.is_best or id(p) in kept]


def _point_row(p: CurvePoint, curve: Curve, theme: Theme, x: float) -> marks.Row:
    style, unit = look(p.family, theme), curve.metric.unit
    gain = _gain_text(p.gain, unit) or ("no dense run yet" if p.iso_flop else "not compared")
    colour = style.mark if p.iso_flop else GROUNDS[theme].quiet
    return {
        "family": p.family,
        "label": family_name(p.family),
        "x": x,
        "y": p.mean,
        "low": p.low,
        "high": p.high,
        "shape": style.shape if p.iso_flop else "cross",
        "colour": colour,
        "fill": GROUNDS[theme].paper if len(p.seeds) == 1 or not p.iso_flop else colour,
        "role": "lead" if p.leads else "other" if p.iso_flop else "excluded",
        "ring": "best" if p.is_best else "near" if p.within_noise and p.leads else "",
        "Sparsity": percent(p.sparsity),
        "Mean": f"{interval_text(p.mean, p.low, p.high, unit)} {unit}",
        "Against dense": gain,
        "Seeds": f"{len(p.seeds)}, {'confirmed' if p.confirmed else 'provisional'}",
        "Mask schedule": p.schedule or "–",
        "FLOPs": f"{p.flop_ratio:.4f} × dense",
    }


def _rung_row(r: DenseRung, curve: Curve) -> marks.Row:
    unit = curve.metric.unit
    return {
        "y": r.mean,
        "Model": f"{r.name} FLOPs",
        "Mean": f"{interval_text(r.mean, r.low, r.high, unit)} {unit}",
        "Best against it": _gain_text(r.gain, unit) or "not confirmed yet",
        "Seeds": str(len(r.seeds)),
    }


def _gain_text(gain: Difference | None, unit: str) -> str:
    return f"{number(gain.mean, unit, signed=True)} {difference_unit(unit)}" if gain else ""


def _label_rows(curve: Curve, rows: list[marks.Row], theme: Theme, x: Range, y: Range) -> list[marks.Row]:
    """One label per family and per dense model, nudged apart; `x`, `y` is where its leader starts."""
    ends: list[marks.Row] = []
    for family in sorted({p.family for p in curve.points}, key=order):
        led = [r for r in rows if r["family"] == family and r["role"] == "lead"]
        if led:
            last = max(led, key=lambda r: r["x"])
            words = {"label": family_name(family), "short": short_family_name(family)}
            style = look(family, theme)
            ends.append(
                {**words, "family": family, "x": last["x"], "y": last["y"], "colour": style.mark, "ink": style.text}
            )
    ends += _dense_labels(curve, GROUNDS[theme], x, y)
    places = spread([e["y"] for e in ends], LABEL_GAP * y.size / HEIGHT, y)
    return [{**e, "at": at} for e, at in zip(ends, places, strict=True)]


def _dense_labels(curve: Curve, ground: Ground, x: Range, y: Range) -> list[marks.Row]:
    """Dense and the larger dense models with their values; an arrow says that one lies beyond the chart."""
    unit, found = curve.metric.unit, []
    if curve.dense:
        text = f"Dense {number(curve.dense.mean, unit)}"
        found.append({"label": text, "short": text, "y": curve.dense.mean, "colour": ground.ink, "ink": ground.ink})
    for r in curve.ladder:
        arrow = " ↑" if r.mean > y.high else " ↓" if r.mean < y.low else ""
        value = f"{number(r.mean, unit)}{arrow}"
        words = {"label": f"{r.name} {value}", "short": f"{multiple_text(r.flop_multiple)} {value}"}
        place = min(max(r.mean, y.low), y.high)
        found.append({**words, "y": place, "colour": ground.quiet, "ink": ground.quiet})
    return [{**row, "family": DENSE, "x": x.high} for row in found]


def _x_axis(curve: Curve, ticks: tuple[float, ...], ground: Ground) -> alt.Axis:
    every = all(p.iso_flop for p in curve.points)
    return alt.Axis(
        values=list(ticks),
        labelExpr="format(100 * datum.value, '.0f')",
        labelOverlap="greedy",
        labelSeparation=3,
        labelColor=ground.ink,
        grid=False,
        tickSize=6,
        title=f"Sparsity, % ({'every point' if every else 'every point but crosses'} at dense's FLOPs)",
    )


def _y_axis(curve: Curve) -> alt.Axis:
    has_values = bool(curve.dense or curve.points)
    return alt.Axis(
        tickCount=6,
        ticks=False,
        labelPadding=8,
        labels=has_values,
        grid=has_values,
        title=None,
    )


def _title(curve: Curve, ground: Ground, width: Width, captioned: bool) -> alt.TitleParams:
    title = metric_title(curve.metric)
    metric = f"Validation {title[0].lower()}{title[1:]}"
    if not captioned or width == "container":
        return alt.TitleParams(
            text=metric, anchor="start", fontSize=13, fontWeight="normal", color=ground.quiet, offset=14
        )
    columns = int((width - 24) / CHARACTER)
    return alt.TitleParams(
        text=wrap(unbroken(curve.headline), int(columns * 12 / 17)),
        subtitle=[*wrap(unbroken(caption(curve)), columns), " ", metric],
        anchor="start",
        fontSize=17,
        fontWeight="bold",
        color=ground.ink,
        subtitleFontSize=12,
        subtitleColor=ground.quiet,
        subtitlePadding=8,
        offset=14,
    )


def _styled(chart: alt.LayerChart, ground: Ground) -> alt.LayerChart:
    styled: alt.LayerChart = (
        chart.configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=ground.quiet,
            titleColor=ground.quiet,
            gridColor=ground.grid,
            tickColor=ground.quiet,
            domain=False,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=10,
        )
    )
    return styled
