"""The page of free exploration: what it reads, and its pieces."""

from collections.abc import Sequence
from typing import Any

from analysis.charting import scatter
from analysis.charting.frame import Canvas
from analysis.notebooks import page
from analysis.notebooks.api import Api, Json
from analysis.notebooks.live import Frame
from analysis.palette import Theme

SHOWN = ("number", "family", "sparsity", "method", "delta_t_steps", "kind", "seed", "state", "value", "training_flops")


def read(api: Api, frame: Frame) -> Sequence[Json]:
    """Every trial of the job, flat."""
    assert frame.job is not None
    return api.table(frame.job)


def axes(trials: Sequence[Json], frame: Frame) -> tuple[str, str, str]:
    """x, y and the grouping of the address, as far as they exist."""
    known = scatter.usable(trials)
    x, y = frame.get("x", "sparsity"), frame.get("y", "value")
    colour = frame.get("colour", "family")
    return (
        x if x in known else next(iter(known), "number"),
        y if y in known else next(iter(known), "number"),
        colour if colour in scatter.GROUPINGS else "family",
    )


def menus() -> dict[str, tuple[str, dict[str, str], str]]:
    """Menus of columns, as `Controls` takes them."""
    columns = {words: name for name, words in scatter.COLUMNS.items()}
    groupings = {words: name for name, words in scatter.GROUPINGS.items()}
    return {"x": ("x", columns, "sparsity"), "y": ("y", columns, "value"), "colour": ("Colour", groupings, "family")}


def table(trials: Sequence[Json]) -> list[dict[str, Any]]:
    """Every column that may be drawn, and what a trial is; numbers stay numbers, so that they sort."""
    names = [*SHOWN, *(name for name in scatter.usable(trials) if name not in SHOWN)]
    return [{name.replace("_", " "): _short(t.get(name)) for name in names} for t in trials]


def _short(value: Any) -> Any:
    """Floats in six digits: what more there is stands in the files."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def headline(trials: Sequence[Json]) -> str:
    """How many trials there are."""
    done = sum(t["state"] == "complete" for t in trials)
    return f"{len(trials)} trials, {done} complete." if trials else "No trial yet."


def caption(trials: Sequence[Json], x: str, y: str) -> str:
    """What is drawn of them."""
    shown = len(scatter.drawn(trials, x, y))
    every = sum(scatter.is_number(t.get(x)) and scatter.is_number(t.get(y)) for t in trials)
    some = f"{shown} of {every} trials with both numbers are drawn, evenly." if shown < every else ""
    return f"One mark per trial; a click opens it. {some}"


def key(trials: Sequence[Json], x: str, y: str, colour: str, theme: Theme) -> str:
    """What colours and shapes mean."""
    shown = scatter.drawn(trials, x, y)
    return page.names(scatter.groups(shown, colour, Canvas(theme)).values()) if shown else ""
