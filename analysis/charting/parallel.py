"""All parameters of a search at once: parallel coordinates, a line per trial, its value on the last axis.

A look for patterns, which answers nothing by itself: parameters that were searched together go together.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from analysis.charting.frame import COLOUR, Canvas, Row, data, draw, framed, href, style, tooltip, waiting
from analysis.labels import METHODS, family_name
from analysis.pointing import Pointing
from analysis.points import LEVEL_DECIMALS
from analysis.units import number, percent
from sparseift.records import DENSE, Metric

Trial = Mapping[str, Any]
Link = Callable[[int], str]
Kind = Literal["fraction", "steps", "share", "word", "value"]
HEIGHT = 340  # px
MOST = 400  # trials drawn: the best ones, and of the others so many, evenly
BEST = 0.1  # share of the trials that are drawn strong
LEVELS = 6  # different numbers up to which an axis names each
ABSENT = -0.13  # place below an axis of trials that have no such parameter (a static mask has no ΔT)
TOP = 10  # rows of the table


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter: its column in the table of trials, its short name, and how its values are told."""

    column: str
    name: str
    kind: Kind


PARAMETERS = (
    Axis("sparsity", "Sparsity", "fraction"),
    Axis("method", "Method", "word"),
    Axis("distribution", "Layers", "word"),
    Axis("delta_t_steps", "ΔT", "steps"),
    Axis("drop_fraction", "α₀", "share"),
    Axis("anneal", "Anneal", "word"),
    Axis("t_end_fraction", "T_end", "fraction"),
    Axis("gradient_steps", "Batches", "steps"),
)
EXPLAINED = {
    "delta_t_steps": "ΔT: steps between mask updates",
    "drop_fraction": "α₀: share that the first one replaces",
    "t_end_fraction": "T_end: share of training that has them",
}


def searched(trials: Sequence[Trial]) -> list[Trial]:
    """Complete trials of the search: its parameters explain nothing of dense models, nor of confirmations."""
    return [
        t
        for t in trials
        if t["state"] == "complete" and t["kind"] == "search" and t["family"] != DENSE and t["value"] is not None
    ]


def axes(trials: Sequence[Trial]) -> list[Axis]:
    """The parameters of which trials have different values."""
    return [a for a in PARAMETERS if len(_levels(a, trials)) > 1]


def ranked(trials: Sequence[Trial], metric: Metric) -> list[Trial]:
    """Best first."""
    sign = -1.0 if metric.direction == "maximize" else 1.0
    return sorted(trials, key=lambda t: (sign * t["value"], t["number"]))


def strong(count: int) -> int:
    """How many of so many trials are drawn strong."""
    return max(1, math.ceil(BEST * count)) if count else 0


def parallel_chart(trials: Sequence[Trial], metric: Metric, canvas: Canvas, link: Link | None = None) -> alt.LayerChart:
    """A line per trial through its parameters to its value; the best tenth strong, better is higher.

    Args:
        trials: all of a job's, flat, with number, family, kind, state, value and the columns of `PARAMETERS`.
    """
    title = "Parameters of the search at once"
    done = ranked(searched(trials), metric)
    known = axes(done)
    if len(done) < 2 or not known:
        return waiting(canvas, "Lines appear once trials of the search differ in a parameter", title, HEIGHT)
    value = Axis("value", f"Value, {metric.unit}", "value")
    every = [*known, value]
    scales = {a.column: _scale(a, done, metric) for a in every}
    best, shown = strong(len(done)), drawn(done)
    rows = [
        {**_said(t, metric, canvas), "x": i, "y": scales[a.column](t.get(a.column)), "is_best": rank < best,
         **({"href": link(t["number"])} if link else {})}
        for rank, t in enumerate(shown)
        for i, a in enumerate(every)
    ]  # fmt: skip
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.1, len(every) - 1 + 0.35], nice=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[ABSENT - 0.06, 1.12], nice=False))
    pointed, words = Pointing(), tooltip("label", "Trial", "Value", "Parameters")
    last = [r for r in rows if r["x"] == len(every) - 1]
    posts = [{"x": i, "y": 0, "top": 1} for i in range(len(every))]
    rule = alt.Chart(data(posts)).mark_rule(color=canvas.ground.grid, strokeWidth=2)
    layers = [draw(rule, x=x, y=y, y2="top:Q"), pointed.reach(last, x=x, y=y, tooltip=words)]
    for is_best, width, opacity in ((False, 1.0, 0.22), (True, 2.2, 0.9)):
        line = alt.Chart(data([r for r in rows if r["is_best"] == is_best])).mark_line(strokeWidth=width)
        dimmed = pointed.dim(opacity, dimmed=0.04)
        layers.append(draw(line, x=x, y=y, color=COLOUR, detail="Trial:N", opacity=dimmed, tooltip=words))
    ends = alt.Chart(data(last)).mark_point(filled=True, size=34)
    shape = alt.Shape("shape:N", scale=None)
    layers.append(
        draw(
            ends, x=x, y=y, color=COLOUR, shape=shape, opacity=pointed.dim(0.9), tooltip=words, **href(last)
        ).add_params(pointed.over)
    )
    return framed(
        [*layers, *_texts(every, done, scales, metric, canvas, x, y)], canvas,
        title=title, description=f"{title}. {summary(trials, metric)}", height=HEIGHT,
    )  # fmt: skip


def drawn(ranked_ones: Sequence[Trial]) -> list[Trial]:
    """The best tenth, and of the others `MOST` at most, evenly by rank."""
    best = strong(len(ranked_ones))
    rest = ranked_ones[best:]
    places = range(min(len(rest), MOST))
    return [*ranked_ones[:best], *(rest[i * len(rest) // len(places)] for i in places)]


def caption(trials: Sequence[Trial]) -> str:
    """What the lines mean."""
    done = searched(trials)
    if len(done) < 2:
        return ""
    columns = {a.column for a in axes(done)}
    units = [words for column, words in EXPLAINED.items() if column in columns]
    best, left = strong(len(done)), len(done) - len(drawn(done))
    thinned = f" Of the {len(done)} trials the best {best} and of the others {MOST} are drawn." if left else ""
    known = f" {'; '.join(units)}." if units else ""
    return (
        "A line per search trial, coloured by family; strong: the best tenth; a dash: the trial has no such parameter."
        f"{known}{thinned}"
    )


def summary(trials: Sequence[Trial], metric: Metric) -> str:
    """Where the best tenth lies on each axis, e.g. "The best 5 of 48 trials: sparsity 75 % to 90 %; method RigL."."""
    done = ranked(searched(trials), metric)
    if len(done) < 2:
        return "No two trials of the search are complete yet."
    best = done[: strong(len(done))]
    parts = []
    for a in axes(done):
        values = [v for t in best if (v := t.get(a.column)) is not None]
        if not values:
            text = "none"
        elif a.kind == "word":
            text = ", ".join(_text(a, v, metric) for v in sorted(set(values)))
        else:
            text = " to ".join(dict.fromkeys(_text(a, v, metric) for v in (min(values), max(values))))
        parts.append(f"{a.name} {text}")
    noun = "The best trial" if len(best) == 1 else f"The best {len(best)}"
    return f"{noun} of {len(done)}: {'; '.join(parts)}."


def parallel_table(trials: Sequence[Trial], metric: Metric) -> list[dict[str, str]]:
    """The best trials with their parameters."""
    done = ranked(searched(trials), metric)
    known = axes(done)
    return [
        {
            "Trial": str(t["number"]),
            "Family": family_name(t["family"]),
            **{a.name: _text(a, t.get(a.column), metric) for a in known},
            f"Validation ({metric.unit})": number(t["value"], metric.unit),
        }
        for t in done[:TOP]
    ]


def _said(t: Trial, metric: Metric, canvas: Canvas) -> Row:
    parameters = ", ".join(f"{a.name} {_text(a, v, metric)}" for a in PARAMETERS if (v := t.get(a.column)) is not None)
    value = f"{number(t['value'], metric.unit)} {metric.unit}"
    return {**style(t["family"], canvas), "Trial": t["number"], "Value": value, "Parameters": parameters}


def _level(a: Axis, value: Any) -> Any:
    """A value as far as it is told: widths that miss a level of sparsity by a hair are on it."""
    return round(value, LEVEL_DECIMALS) if a.kind == "fraction" and value is not None else value


def _text(a: Axis, value: Any, metric: Metric) -> str:
    if value is None:
        return "–"
    if a.kind == "word":
        return METHODS.get(value, "ERK" if value == "erk" else str(value).replace("_", " "))
    if a.kind == "fraction":
        return percent(_level(a, value))
    return number(value, metric.unit) if a.kind == "value" else f"{value:.3g}" if a.kind == "share" else f"{value:g}"


def _levels(a: Axis, trials: Sequence[Trial]) -> list[Any]:
    return sorted({_level(a, v) for t in trials if (v := t.get(a.column)) is not None})


def _scale(a: Axis, trials: Sequence[Trial], metric: Metric) -> Callable[[Any], float]:
    """From a parameter's value to its place between 0 and 1; numbers of steps logarithmically, words one by one."""
    levels = _levels(a, trials)
    words = {w: i for i, w in enumerate(levels)} if a.kind == "word" else {}

    def at(value: Any) -> float:
        if a.kind == "word":
            return float(words[value])
        return math.log2(value) if a.kind == "steps" and levels[0] > 0 else float(_level(a, value))

    low, high = at(levels[0]), at(levels[-1])

    def place(value: Any) -> float:
        if value is None:
            return ABSENT
        share = 0.5 if high == low else (at(value) - low) / (high - low)
        return 1 - share if a.kind == "value" and metric.direction == "minimize" else share

    return place


def _texts(
    every: Sequence[Axis], trials: Sequence[Trial], scales: Mapping[str, Callable[[Any], float]], metric: Metric,
    canvas: Canvas, x: alt.X, y: alt.Y,
) -> list[alt.Chart]:  # fmt: skip
    """Names above the axes, and values beside them."""
    heads = [{"x": i, "words": a.name, "y": 1.09} for i, a in enumerate(every)]
    ticks: list[Row] = []
    for i, a in enumerate(every):
        levels = _levels(a, trials)
        named = levels if a.kind == "word" or len(levels) <= LEVELS else [levels[0], levels[-1]]
        ticks += [{"x": i, "y": scales[a.column](v), "words": _text(a, v, metric)} for v in named]
        if any(t.get(a.column) is None for t in trials):
            ticks.append({"x": i, "y": ABSENT, "words": "–"})
    head = alt.Chart(data(heads)).mark_text(align="left", fontSize=11, fontWeight=600, color=canvas.ground.ink)
    tick = alt.Chart(data(ticks)).mark_text(align="left", dx=5, fontSize=11, color=canvas.ground.ink)
    back = alt.Chart(data(ticks)).mark_text(
        align="left", dx=5, fontSize=11, color=canvas.ground.paper, stroke=canvas.ground.paper, strokeWidth=4
    )
    return [draw(mark, x=x, y=y, text="words:N") for mark in (back, tick, head)]
