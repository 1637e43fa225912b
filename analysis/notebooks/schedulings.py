"""The page of mask schedules: what it reads, and its pieces."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analysis.charting.frame import Canvas
from analysis.charting.panels import By, Measure, Panel, domain, groups, panel, panel_chart
from analysis.labels import family_name
from analysis.notebooks.api import Api, Json
from analysis.notebooks.figure import Draw
from analysis.notebooks.live import Frame
from analysis.notebooks.searches import linker
from analysis.palette import Theme

BY = {"update interval": "delta_t_steps", "method": "method"}
MEASURES = {"validation metric": "value", "churn": "churn", "ITOP": "itop"}
PER_PANEL = 5  # trials drawn in each, the best ones
POINTS = 60  # of each course


@dataclass(frozen=True, slots=True)
class Look:
    """Panels, and what changes of the schedule did."""

    panels: tuple[Panel, ...]
    importance: Json


def read(api: Api, frame: Frame) -> Look:
    """The best trials of each update interval, or method, with their courses."""
    job = frame.job
    assert job is not None
    family = frame.get("family")
    done = [
        t
        for t in api.table(job)
        if t["state"] == "complete" and t["kind"] != "ladder" and t["method"] and family in ("", t["family"])
    ]
    sign = -1.0 if job.metric_direction == "maximize" else 1.0
    chosen = [
        (title, [dict(t) for t in sorted(group, key=lambda t: sign * t["value"])[:PER_PANEL]])
        for title, group in groups(done, by(frame))
    ]
    courses = iter(api.courses(job.id, [t for _, group in chosen for t in group], POINTS))
    panels = tuple(panel(title, group, [next(courses) for _ in group], job.total_steps) for title, group in chosen)
    return Look(panels, api.answer(job.id, "importance"))


def by(frame: Frame) -> By:
    """What panels are made of, by the address."""
    return "method" if frame.get("by") == "method" else "delta_t_steps"


def measure(frame: Frame) -> Measure:
    """What panels show, by the address."""
    given = frame.get("measure")
    return "churn" if given == "churn" else "itop" if given == "itop" else "value"


def headline(look: Look, family: str) -> str:
    """What the schedule did, in a sentence."""
    whose = family_name(family) if family else "all families"
    if not look.panels:
        return f"No trial with a mask schedule is complete yet for {whose}."
    shown = [e for e in look.importance["effects"] if e["low"] is not None and (e["low"] > 0 or e["high"] < 0)]
    if not shown:
        return "No change of the mask schedule shows an effect at fixed family, sparsity and seed."
    words = [f"{e['parameter'].replace('_', ' ')} ({e['change']})" for e in shown[:3]]
    return f"Mask schedules: {', '.join(words)} make{'s' if len(words) == 1 else ''} a difference."


def charts_of(look: Look, frame: Frame, theme: Theme, mo: Any) -> list[str]:
    """A chart per panel, all with the same axes."""
    job = frame.job
    assert job is not None
    canvas, what = Canvas(theme, "container", paper=False), measure(frame)
    axis, link = domain(look.panels, what), linker(job, theme)
    found = []
    for p in look.panels:
        chart = panel_chart(p, what, axis, job.total_steps, job.metric_unit, canvas, link)
        shown = mo.ui.altair_chart(chart, chart_selection=False, legend_selection=False)
        found.append(mo.as_html(shown).text)
    return found


def rows(look: Look) -> Sequence[Json]:
    """Every drawn course, long, for files."""
    names = ("train_loss", "value", "churn", "itop")
    return [
        {"panel": p.title, "trial": t["number"], "family": t["family"], "measure": name, "step": step, "amount": value}
        for p in look.panels
        for t, c in zip(p.trials, p.courses, strict=True)
        for name in names
        for step, value in c[name]
    ]


def drawer(look: Look, frame: Frame) -> Draw | None:
    """All panels as one picture's worth: the first one, where there is any."""
    job = frame.job
    assert job is not None
    if not look.panels:
        return None
    what = measure(frame)
    axis = domain(look.panels, what)
    return lambda canvas: panel_chart(look.panels[0], what, axis, job.total_steps, job.metric_unit, canvas)
