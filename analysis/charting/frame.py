"""What every chart beside the iso-FLOP chart shares: ground, type, axes, the highlight of a family."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from analysis.charts import FONT, Width
from analysis.labels import family_name
from analysis.palette import GROUNDS, Ground, Theme, look
from analysis.pointing import DIMMED
from sparseift.records import DENSE

Row = dict[str, Any]
HEIGHT = 340  # px of the plot, whatever it shows
WORDS_HEIGHT = 90  # px of a chart that only says what will appear


@dataclass(frozen=True, slots=True)
class Canvas:
    """How a chart is painted.

    Attributes:
        width: total px, or "container" to follow the page.
        paper: paint the theme's ground; else the page shows through.
    """

    theme: Theme = "light"
    width: Width = 900
    paper: bool = True

    @property
    def ground(self) -> Ground:
        """The theme's ground."""
        return GROUNDS[self.theme]


def data(rows: Sequence[Row]) -> alt.InlineData:
    """Rows inside the specification."""
    return alt.InlineData(values=list(rows))


def style(family: str, canvas: Canvas) -> Row:
    """Colour, shape and name of a family as fields of a row; dense is drawn in ink."""
    if family == DENSE:
        ink = canvas.ground.ink
        return {"family": DENSE, "label": family_name(DENSE), "colour": ink, "ink": ink, "shape": "cross"}
    kind = look(family, canvas.theme)
    return {
        "family": family, "label": family_name(family), "colour": kind.mark, "ink": kind.text, "shape": kind.shape,
    }  # fmt: skip


def hover(field: str = "family", name: str = "hover", *, nearest: bool = True) -> alt.Parameter:
    """The selection of what is pointed at; bars have no `nearest`."""
    return alt.selection_point(
        name=name, on="pointerover", clear="pointerout", nearest=nearest, fields=[field], empty=True
    )


def dim(selection: alt.Parameter, opacity: float = 1.0) -> alt.OpacityValue:
    """Opacity that falls for what is not pointed at."""
    return alt.OpacityValue(min(DIMMED, opacity), condition={"param": selection.name, "value": opacity})


COLOUR = alt.Color("colour:N", scale=None)
SHAPE = alt.Shape("shape:N", scale=None)


def draw(mark: alt.Chart, **channels: Any) -> alt.Chart:
    """The mark with its channels; altair's own `encode` is untyped."""
    drawn: alt.Chart = mark.encode(**channels)
    return drawn


def tooltip(*names: str) -> list[alt.Tooltip]:
    """Fields of the rows as they are named."""
    return [alt.Tooltip(f"{name}:N", title=name[:1].upper() + name[1:]) for name in names]


def href(rows: Sequence[Row]) -> dict[str, Any]:
    """The channel of where a click leads, if the rows say so."""
    return {"href": alt.Href("href:N")} if rows and "href" in rows[0] else {}


def framed(
    layers: Sequence[alt.Chart | alt.LayerChart],
    canvas: Canvas,
    *,
    title: str,
    description: str,
    height: int | alt.Step = HEIGHT,
    rows: Sequence[Row] | None = None,
) -> alt.LayerChart:
    """The layers as one chart in the house's look; the description is read aloud in its place.

    Args:
        rows: of layers without their own.
    """
    ground = canvas.ground
    shared = alt.Undefined if rows is None else data(rows)
    chart = alt.LayerChart(layer=list(layers), data=shared).properties(
        width=canvas.width,
        height=height,
        background=ground.paper if canvas.paper else "transparent",
        description=description,
        title=alt.TitleParams(
            text=title, anchor="start", fontSize=13, fontWeight="normal", color=ground.quiet, offset=12
        ),
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        usermeta={"embedOptions": {"actions": False}},  # its menu offers an editor on another host
        padding={"left": 4, "right": 8, "top": 8, "bottom": 8},
    )
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


def waiting(canvas: Canvas, words: str, title: str = "") -> alt.LayerChart:
    """A chart that has nothing to show yet, and says when it will."""
    text = alt.Chart(data([{}])).mark_text(fontSize=14, color=canvas.ground.quiet, align="center")
    drawn = draw(text, x=alt.value({"expr": "width / 2"}), y=alt.value({"expr": "height / 2"}), text=alt.value(words))
    return framed([drawn], canvas, title=title, description=words, height=WORDS_HEIGHT)
