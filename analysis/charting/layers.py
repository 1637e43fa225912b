"""A trial's layers: how dense each is, and what it costs."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from analysis.charting.frame import COLOUR, Canvas, Row, data, draw, framed, style, tooltip
from analysis.units import big, percent

Layer = Mapping[str, Any]
MOST = 60  # bars: those that cost most; more would be a wall
BAR = 17  # px of a row
NAME = 34  # characters, of which the end tells more


def density(layer: Layer) -> float:
    """Share of the layer's weights that are active."""
    return float(layer["active"]) / max(1, int(layer["weights"]))


def layer_table(layers: Sequence[Layer]) -> list[dict[str, str]]:
    """Every layer in words."""
    return [
        {
            "Layer": str(layer["name"]),
            "Shape": " × ".join(map(str, layer["shape"])), "Weights": big(layer["weights"]),
            "Active": big(layer["active"]), "Density": percent(density(layer)) if layer["masked"] else "dense",
            "FLOPs per sample": big(layer["flops"]), "With every weight": big(layer["executed_flops"]),
        }
        for layer in layers
    ]  # fmt: skip


def layer_chart(layers: Sequence[Layer], family: str, canvas: Canvas) -> alt.LayerChart:
    """A bar per layer, from no weight active to all of them; unmasked ones in grey."""
    shown = drawn(layers)
    kind, ground = style(family, canvas), canvas.ground
    rows: list[Row] = [
        {
            "place": i, "layer": _end(str(layer["name"])), "Layer": layer["name"], "x": density(layer), "text":
            percent(density(layer)), "colour": kind["colour"] if layer["masked"] else ground.quiet,
            "Density": percent(density(layer)), "FLOPs": f"{big(layer['flops'])} of {big(layer['executed_flops'])}",
        }
        for i, layer in enumerate(shown)
    ]  # fmt: skip
    title = "Share of weights that are active, per layer"
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, 1.18], nice=False))
    axis = alt.Axis(
        title=None, ticks=False, domain=False, labelColor=ground.ink, labelLimit=190, labelFontSize=11, labelPadding=6
    )
    y = alt.Y("layer:N", sort=[row["layer"] for row in rows], axis=axis)
    whole = alt.Chart(data([{**row, "x": 1.0} for row in rows])).mark_bar(height=9, color=ground.band)
    bar = alt.Chart(data(rows)).mark_bar(height=9)
    text = alt.Chart(data(rows)).mark_text(align="left", dx=5, fontSize=11, color=ground.quiet)
    layers_drawn = [
        draw(whole, x=x, y=y),
        draw(bar, x=x, y=y, color=COLOUR, tooltip=tooltip("Layer", "Density", "FLOPs")),
        draw(text, x=x, y=y, text="text:N"),
    ]
    masked = [density(layer) for layer in layers if layer["masked"]]
    said = f"{len(shown)} layers, {len(masked)} of them masked" + (
        f", with {percent(min(masked))} to {percent(max(masked))} of their weights." if masked else "."
    )
    return framed(layers_drawn, canvas, title=title, description=f"{title}: {said}", height=alt.Step(BAR))


def drawn(layers: Sequence[Layer]) -> list[Layer]:
    """Those that cost most, in their order."""
    costly = sorted(layers, key=lambda layer: -int(layer["executed_flops"]))[:MOST]
    kept = {layer["name"] for layer in costly}
    return [layer for layer in layers if layer["name"] in kept]


def _end(name: str) -> str:
    return name if len(name) <= NAME else f"…{name[1 - NAME :]}"
