"""Any two columns of a job's trials against each other."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt

from analysis.charting.frame import (
    COLOUR,
    SHAPE,
    Canvas,
    Row,
    draw,
    framed,
    href,
    style,
    waiting,
)
from analysis.pointing import Pointing
from analysis.units import MINUS

Trial = Mapping[str, Any]
Link = Callable[[int], str]
HEIGHT = 420  # px
MOST = 1500  # marks drawn, evenly; more would only overlap
COLUMNS: Mapping[str, str] = {  # that may be numbers -> what they are
    "sparsity": "Sparsity (fraction)",
    "value": "Validation metric",
    "test_value": "Test metric",
    "delta_t_steps": "Steps between mask updates",
    "drop_fraction": "Share replaced by the first update",
    "t_end_fraction": "Share of training with updates",
    "training_flops": "Training FLOPs",
    "forward_flops_per_sample": "Forward FLOPs per sample",
    "executed_flops_per_sample": "Executed FLOPs per sample",
    "flop_ratio": "FLOPs over dense's",
    "parameters": "Parameters",
    "nonzero_parameters": "Non-zero parameters",
    "training_seconds": "Training time (s)",
    "seed": "Seed",
    "number": "Trial",
}
GROUPINGS: Mapping[str, str] = {"family": "Family", "method": "Method", "kind": "Kind", "state": "State"}
LOGARITHMIC = ("training_flops", "forward_flops_per_sample", "executed_flops_per_sample", "parameters",
               "nonzero_parameters", "training_seconds", "delta_t_steps")  # fmt: skip
WIDE = 8.0  # a range of so many times is drawn logarithmically


def usable(trials: Sequence[Trial]) -> dict[str, str]:
    """Columns that hold a number in some trial."""
    return {name: words for name, words in COLUMNS.items() if any(is_number(t.get(name)) for t in trials)}


def is_number(value: Any) -> bool:
    """Whether a cell can be drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def drawn(trials: Sequence[Trial], x: str, y: str) -> list[Trial]:
    """Trials with both numbers, thinned evenly to `MOST`."""
    both = [t for t in trials if is_number(t.get(x)) and is_number(t.get(y))]
    step = max(1, -(-len(both) // MOST))
    return both[::step]


def scatter(
    trials: Sequence[Trial], x: str, y: str, colour: str, canvas: Canvas, link: Link | None = None
) -> alt.LayerChart:
    """One mark per trial.

    Args:
        x, y: of `COLUMNS`.
        colour: of `GROUPINGS`; families have their own colours and shapes everywhere.
    """
    title = f"{COLUMNS[y]} against {COLUMNS[x][:1].lower()}{COLUMNS[x][1:]}"
    shown = drawn(trials, x, y)
    if not shown:
        return waiting(canvas, "No trial has both numbers yet", title, HEIGHT)
    rows: list[Row] = []
    palette = groups(shown, colour, canvas)
    for t in shown:
        row = {
            **palette[str(t.get(colour) or "none")], "x": t[x], "y": t[y], "group": str(t.get(colour) or "none"),
            "Trial": t["number"], "X": text(t[x]), "Y": text(t[y]), "State": t["state"],
        }  # fmt: skip
        rows.append(row | ({"href": link(t["number"])} if link else {}))
    pointed = Pointing("group")
    axes: dict[str, Any] = {
        "x": alt.X("x:Q", scale=_scale(rows, "x", x), axis=_axis(rows, "x", COLUMNS[x])),
        "y": alt.Y("y:Q", scale=_scale(rows, "y", y), axis=_axis(rows, "y", None)),
        "tooltip": [
            alt.Tooltip("Trial:N"),
            alt.Tooltip("label:N", title=GROUPINGS[colour]),
            alt.Tooltip("X:N", title=COLUMNS[x]),
            alt.Tooltip("Y:N", title=COLUMNS[y]),
            alt.Tooltip("State:N"),
        ],
    }
    mark = alt.Chart().mark_point(filled=True, size=44)
    points = draw(mark, **axes, color=COLOUR, shape=SHAPE, opacity=pointed.dim(0.75), **href(rows))
    said = f"{title}: {len(shown)} trials, by {GROUPINGS[colour].lower()}."
    layers = [pointed.reach(None, **axes), points.add_params(pointed.over)]
    return framed(layers, canvas, title=title, description=said, height=HEIGHT, rows=rows)


def groups(trials: Sequence[Trial], colour: str, canvas: Canvas) -> dict[str, Row]:
    """How each value of a grouping is drawn."""
    values = sorted({str(t.get(colour) or "none") for t in trials})
    if colour == "family":
        return {v: style(v, canvas) for v in values}
    families = ("sparse_wide", "sparse_parallel", "sparse_factorized", "sparse_doped", "")
    return {v: style(families[i % len(families)], canvas) | {"label": v} for i, v in enumerate(values)}


def text(value: float) -> str:
    """A number of any size, in four digits."""
    shown = f"{value:,}".replace(",", " ") if isinstance(value, int) and abs(value) < 1e6 else f"{value:.4g}"
    return shown.replace("-", MINUS, 1) if value < 0 else shown


def _is_wide(rows: Sequence[Row], field: str, column: str) -> bool:
    values = [r[field] for r in rows]
    return column in LOGARITHMIC and min(values) > 0 and max(values) / min(values) >= WIDE


def _scale(rows: Sequence[Row], field: str, column: str) -> alt.Scale:
    return alt.Scale(type="log" if _is_wide(rows, field, column) else "linear", zero=False, nice=False, padding=16)


def _axis(rows: Sequence[Row], field: str, title: str | None) -> alt.Axis:
    big = max(abs(r[field]) for r in rows) >= 1e5
    return alt.Axis(title=title, tickCount=6, ticks=field == "x", grid=field == "y", format="~s" if big else "~g")
