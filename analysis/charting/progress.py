"""How a search goes: trials per family and state, what ran where and when, the best so far."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import altair as alt

from analysis.charting.frame import COLOUR, Canvas, Row, data, dim, draw, framed, hover, href, style, tooltip, waiting
from analysis.labels import family_name, short_family_name
from analysis.palette import order
from analysis.pointing import Pointing
from analysis.units import number, percent
from sparseift.records import DENSE, Metric

Trial = Mapping[str, Any]
Link = Callable[[int], str]
STATES = ("complete", "running", "waiting", "pruned", "infeasible", "failed", "cancelled")  # as they are stacked
ENDED = ("complete", "pruned", "infeasible", "failed", "cancelled")
MOST_POINTS = 1500  # drawn; the step lines rest on every trial
MOST_BARS = 1500  # of the timeline: the newest
BAR = 26  # px of a slot's or a family's row
ROWS = 5  # usually: as high is a chart that has none yet


def by_family(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Trials per family and state, dense first, then families in their order."""
    names = sorted({t["family"] for t in trials}, key=lambda f: (f != DENSE, order(f)))
    return [
        {"family": f, **{s: sum(t["family"] == f and t["state"] == s for t in trials) for s in STATES}} for f in names
    ]


def family_table(trials: Sequence[Trial]) -> list[dict[str, str]]:
    """`by_family` in words, without states that no trial is in."""
    rows = by_family(trials)
    used = [s for s in STATES if any(row[s] for row in rows)]
    return [
        {"Family": family_name(r["family"]), **{s.capitalize(): str(r[s]) for s in used},
         "All": str(sum(r[s] for s in STATES))}
        for r in rows
    ]  # fmt: skip


def family_bars(trials: Sequence[Trial], canvas: Canvas) -> alt.LayerChart:
    """A bar per family: complete trials in its colour, running ones lighter, the others grey."""
    title = "Trials per family"
    counted = by_family(trials)
    if not counted:
        return waiting(canvas, "Bars appear with the first trial", title, ROWS * BAR)
    ground = canvas.ground
    rows: list[Row] = []
    for row in counted:
        start, kind = 0, style(row["family"], canvas)
        for state in STATES:
            n = row[state]
            if n:
                fill, opacity = (kind["colour"], 1.0) if state == "complete" else (ground.quiet, 0.55)
                if state == "running":
                    fill, opacity = kind["colour"], 0.45
                if state == "waiting":
                    fill, opacity = ground.band, 1.0
                rows.append(
                    {**kind, "name": short_family_name(row["family"]), "x": start, "x2": start + n, "colour": fill,
                     "opacity": opacity, "state": state, "trials": n}
                )  # fmt: skip
                start += n
    names = [short_family_name(r["family"]) for r in counted]
    totals = [
        {
            "name": short_family_name(r["family"]),
            "x": sum(r[s] for s in STATES),
            "text": f"{r['complete']} of {sum(r[s] for s in STATES)}",
        }
        for r in counted
    ]
    most = max(t["x"] for t in totals)
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, most * 1.2], nice=False))
    y = alt.Y("name:N", sort=names, axis=alt.Axis(title=None, ticks=False, domain=False, labelColor=ground.ink))
    bar = alt.Chart(data(rows)).mark_bar(height=14, stroke=ground.paper, strokeWidth=1)
    shaded = alt.Opacity("opacity:Q", scale=None)
    drawn = draw(bar, x=x, x2="x2:Q", y=y, color=COLOUR, opacity=shaded, tooltip=tooltip("label", "state", "trials"))
    text = alt.Chart(data(totals)).mark_text(align="left", dx=6, fontSize=12, color=ground.quiet)
    words = draw(text, x=x, y=y, text="text:N")
    said = "; ".join(f"{family_name(r['family'])} {_bar_text(r)}" for r in counted)
    return framed([drawn, words], canvas, title=title, description=f"{title}: {said}.", height=alt.Step(BAR))


def _bar_text(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{row[s]} {s}" for s in STATES if row[s])


def runs_on(rows: Sequence[Row]) -> bool:
    """Whether an attempt of these is running, so that its bar grows with the time."""
    return any(r["ended"] is None for r in rows)


def until(rows: Sequence[Row], now: float | None = None) -> list[Row]:
    """The attempts by their begin, each with `until`: its end, or now where it runs.

    A slot holds one attempt at a time: one whose end nobody told of, as of a worker that died, lasts no longer than
    until its slot began the next.

    Args:
        now: seconds since 1970; by default the last time of the rows.
    """
    last = max([r["ended"] or r["began"] for r in rows] + ([now] if now is not None else []), default=0.0)
    found: list[Row] = []
    begins: dict[str, float] = {}  # of a slot's next attempt
    for r in sorted(rows, key=lambda r: float(r["began"]), reverse=True):
        open_end = min(last, begins.get(r["slot"], last))
        found.append({**r, "until": open_end if r["ended"] is None else r["ended"]})
        begins[r["slot"]] = r["began"]
    return found[::-1]


def timeline(rows: Sequence[Row], canvas: Canvas, now: float | None = None, link: Link | None = None) -> alt.LayerChart:
    """A bar per attempt on its slot.

    Args:
        rows: one per attempt with slot, trial, attempt, family, state, began and ended (seconds since 1970; None while
            it runs).
        now, as of `until`: to which what runs is drawn.
    """
    title = "What ran where"
    if not rows:
        return waiting(canvas, "Attempts appear here as slots take them", title, ROWS * BAR)
    ground = canvas.ground
    rows = until(rows, now)[-MOST_BARS:]
    first = min(r["began"] for r in rows)
    last = max(first + 1, *(r["until"] for r in rows))
    size, unit = _unit(last - first)
    drawn = []
    for r in rows:
        kind = style(r["family"], canvas)
        bad = r["state"] not in ("running", "finished", "complete", "handed_back")
        ended = r["until"]
        took = _duration(ended - r["began"])
        state = "lost, another attempt went on" if r["state"] == "lost" else r["state"].replace("_", " ")
        drawn.append(
            {**kind, "slot": r["slot"], "x": (r["began"] - first) / size, "x2": (ended - first) / size, "state": state,
             "trial": r["trial"], "attempt": r["attempt"], "took": took, "opacity": 0.5 if r["ended"] is None else 0.95,
             "stroke": ground.ink if bad else ground.paper, **({"href": link(r["trial"])} if link else {})}
        )  # fmt: skip
    slots = sorted({r["slot"] for r in drawn})
    pointed = hover(nearest=False)
    x = alt.X(
        "x:Q",
        scale=alt.Scale(domain=[0, (last - first) / size], nice=False),
        axis=alt.Axis(title=f"{unit.capitalize()} since the first attempt", grid=True, tickCount=6),
    )
    y = alt.Y("slot:N", sort=slots, axis=alt.Axis(title=None, ticks=False, domain=False, labelColor=ground.ink))
    bar = alt.Chart(data(drawn)).mark_bar(height=16, strokeWidth=1)
    bars = draw(
        bar,
        x=x,
        x2="x2:Q",
        y=y,
        color=COLOUR,
        stroke=alt.Stroke("stroke:N", scale=None),
        opacity=dim(pointed),
        fillOpacity=alt.FillOpacity("opacity:Q", scale=None),
        tooltip=tooltip("trial", "attempt", "label", "state", "slot", "took"),
        **href(drawn),
    ).add_params(pointed)
    vain = [{**r, "middle": (r["x"] + r["x2"]) / 2} for r in drawn if r["stroke"] == ground.ink]
    cross = alt.Chart(data(vain)).mark_text(text="×", fontSize=13, fontWeight="bold", color=ground.paper)
    layers = [bars, draw(cross, x=alt.X("middle:Q"), y=y)] if vain else [bars]
    took = _duration(last - first)
    said = f"{len(drawn)} attempts on {len(slots)} slots over {took}, {len(vain)} of them in vain."
    return framed(layers, canvas, title=title, description=f"{title}: {said}", height=alt.Step(BAR))


def timeline_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Every attempt as the timeline draws it, unrounded, for files; times in seconds since 1970."""
    names = ("slot", "trial", "attempt", "family", "state", "began", "ended")
    return [{name: r[name] for name in names} for r in sorted(rows, key=lambda r: float(r["began"]))]


def timeline_table(rows: Sequence[Row], now: float | None = None) -> list[dict[str, str]]:
    """Per slot: how many attempts, in which states, how long it was in use; what runs counts until `now`, as drawn."""
    found, rows = [], until(rows, now)
    for slot in sorted({r["slot"] for r in rows}):
        mine = [r for r in rows if r["slot"] == slot]
        used = sum(r["until"] - r["began"] for r in mine)
        states = sorted({r["state"] for r in mine})
        found.append(
            {"Slot": slot, "Attempts": str(len(mine)), "State": ", ".join(
                f"{sum(r['state'] == s for r in mine)} {s.replace('_', ' ')}" for s in states
            ), "In use": _duration(used)}
        )  # fmt: skip
    return found


def so_far(trials: Sequence[Trial], metric: Metric) -> list[Row]:
    """Complete trials of the search by their end, each with the best so far, and how far that was from the last one's.

    Ladder and confirmation are no part of the search, the dense baseline is what it is compared with.
    """
    sign = 1.0 if metric.direction == "maximize" else -1.0
    done = [t for t in trials if t["state"] == "complete" and t["kind"] == "search" and t.get("value") is not None]
    done.sort(key=lambda t: (t.get("ended_at_s") or 0.0, t["number"]))
    best, rows = -math.inf, []
    for i, t in enumerate(done):
        best = max(best, sign * t["value"])
        rows.append({"order": i + 1, "number": t["number"], "family": t["family"], "sparsity": t["sparsity"],
                     "value": t["value"], "best": sign * best})  # fmt: skip
    return [{**r, "gap": abs(best - sign * r["best"])} for r in rows]


def best_so_far(
    trials: Sequence[Trial], metric: Metric, canvas: Canvas, show: Literal["best", "gap"] = "best",
    link: Link | None = None,
) -> alt.LayerChart:  # fmt: skip
    """The best value so far as a step line over complete trials; `gap`: how far it was from the best of the end."""
    rows = so_far(trials, metric)
    name = f"{metric.name.replace('_', ' ')} ({metric.unit})"
    title = f"Best validation {name} so far" if show == "best" else f"Distance from the best of the end, {metric.unit}"
    if not rows:
        return waiting(canvas, "The line begins with the first complete trial", title)
    ground = canvas.ground
    x = alt.X("order:Q", axis=alt.Axis(title="Complete trials of the search", grid=False, tickMinStep=1, tickCount=6))
    y = alt.Y(f"{show}:Q", axis=alt.Axis(title=None, ticks=False, tickCount=5), scale=alt.Scale(zero=show == "gap"))
    turns = [r for i, r in enumerate(rows) if i in (0, len(rows) - 1) or r[show] != rows[i - 1][show]]
    pointed = Pointing()
    layers = []
    dense = [
        t["value"] for t in trials if t["family"] == DENSE and t["kind"] == "baseline" and t.get("value") is not None
    ]
    if show == "best":
        if dense:
            mean = sum(dense) / len(dense)
            rule = alt.Chart(data([{"y": mean}])).mark_rule(color=ground.ink, strokeDash=[4, 3], strokeWidth=1.2)
            layers.append(draw(rule, y=alt.Y("y:Q")))
            word = alt.Chart(data([{"y": mean}])).mark_text(align="left", dx=4, dy=-7, fontSize=12, color=ground.ink)
            layers.append(
                draw(word, x=alt.value(0), y=alt.Y("y:Q"), text=alt.value(f"Dense {number(mean, metric.unit)}"))
            )
        step = max(1, -(-len(rows) // MOST_POINTS))
        points = [
            {**r, **style(r["family"], canvas), "Sparsity": percent(r["sparsity"]), "Trial": r["number"],
             "Value": number(r["value"], metric.unit), **({"href": link(r["number"])} if link else {})}
            for r in rows[::step]
        ]  # fmt: skip
        place: dict[str, Any] = {
            "x": x, "y": alt.Y("value:Q"), "tooltip": tooltip("label", "Trial", "Sparsity", "Value"),
        }  # fmt: skip
        layers.append(pointed.reach(points, **place))
        mark = alt.Chart(data(points)).mark_point(filled=True, size=46)
        shape = alt.Shape("shape:N", scale=None)
        drawn = draw(mark, **place, color=COLOUR, shape=shape, opacity=pointed.dim(0.8), **href(points))
        layers.append(drawn.add_params(pointed.over))
    line = alt.Chart(data(turns)).mark_line(interpolate="step-after", strokeWidth=2.4, color=ground.ink)
    layers.append(draw(line, x=x, y=y))
    last = rows[-1]
    text = f"{title}: {number(last[show], metric.unit)} after {len(rows)} complete trials."
    return framed(layers, canvas, title=title, description=text)


def so_far_table(trials: Sequence[Trial], metric: Metric) -> list[dict[str, str]]:
    """The trials that were the best so far when they ended, and the gap that was left."""
    rows = so_far(trials, metric)
    turns = [r for i, r in enumerate(rows) if i == 0 or r["best"] != rows[i - 1]["best"]]
    return [
        {"Trial": str(r["number"]), "After": f"{r['order']} complete", "Family": family_name(r["family"]),
         "Sparsity": percent(r["sparsity"]), f"Best so far ({metric.unit})": number(r["best"], metric.unit),
         "From the end's best": number(r["gap"], metric.unit)}
        for r in turns
    ]  # fmt: skip


def _unit(seconds: float) -> tuple[float, str]:
    """The unit in which a duration is told, and its seconds."""
    if seconds < 180:
        return 1.0, "seconds"
    if seconds < 3 * 3600:
        return 60.0, "minutes"
    return (3600.0, "hours") if seconds < 3 * 86400 else (86400.0, "days")


def _duration(seconds: float) -> str:
    """e.g. "58 seconds", "10.4 minutes"."""
    size, unit = _unit(seconds)
    return f"{seconds / size:.3g} {unit}" if seconds < 1000 * size else f"{seconds / size:.0f} {unit}"
