"""The page of mask schedules: what it reads, and its pieces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.charting import parallel
from analysis.charting.frame import Canvas
from analysis.charting.panels import By, Measure, Panel, best_of, caption, domain, groups, panel_chart, picture
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
    """Panels, what changes of the schedule did, and all trials, flat."""

    panels: tuple[Panel, ...]
    importance: Json
    trials: Sequence[Json]


def read(api: Api, frame: Frame) -> Look:
    """All trials of each update interval, or method; the best of them with their courses."""
    job = frame.job
    assert job is not None
    family = frame.get("family")
    trials = api.table(job)
    done = [
        t
        for t in trials
        if t["state"] == "complete" and t["kind"] != "ladder" and t["method"] and family in ("", t["family"])
    ]
    found = [(title, group, best_of(group, job.metric, PER_PANEL)) for title, group in groups(done, by(frame))]
    courses = iter(api.courses(job.id, [dict(t) for _, _, drawn in found for t in drawn], POINTS))
    panels = tuple(
        Panel(title, tuple(group), tuple(drawn), tuple(next(courses) for _ in drawn), job.total_steps)
        for title, group, drawn in found
    )
    return Look(panels, api.answer(job.id, "importance"), trials)


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
        chart = panel_chart(p, what, axis, job.metric, canvas, link)
        shown = mo.ui.altair_chart(chart, chart_selection=False, legend_selection=False)
        found.append(mo.as_html(shown).text)
    return found


def words(look: Look, frame: Frame) -> str:
    """What the panels show."""
    return caption(look.panels, measure(frame))


def of_family(look: Look, frame: Frame) -> Sequence[Json]:
    """The trials of the address's family, or all."""
    family = frame.get("family")
    return [t for t in look.trials if family in ("", t["family"])]


def trial_linker(trials: Sequence[Json], frame: Frame, theme: Theme) -> Callable[[int], str]:
    """Where a row of the table of the best trials leads."""
    job = frame.job
    assert job is not None
    link, found = linker(job, theme), parallel.parallel_table(trials, job.metric)
    return lambda i: link(int(found[i]["Trial"]))


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
    """All panels as one picture, where there is any."""
    job = frame.job
    assert job is not None
    if not look.panels:
        return None
    what = measure(frame)
    return lambda canvas: picture(look.panels, what, job.metric, canvas)
