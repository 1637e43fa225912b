"""What every chart beside the iso-FLOP chart shares: ground, type, axes, the highlight of a family."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from analysis.charts import FONT, Width
from analysis.labels import family_name, short_family_name
from analysis.palette import GROUNDS, Ground, Theme, look, order
from analysis.pointing import DIMMED
from sparseift.records import DENSE

Row = dict[str, Any]
HEIGHT = 340  # px of the plot, whatever it shows
KEY = 92  # px of a family's name

Drawn = alt.LayerChart | alt.VConcatChart  # what can be shown, and written to a file


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
    """Fields of the rows as they are named; a family's is its label."""
    titles = {"label": "Family"}
    return [alt.Tooltip(f"{name}:N", title=titles.get(name, name[:1].upper() + name[1:])) for name in names]


def href(rows: Sequence[Row]) -> dict[str, Any]:
    """The channel of where a click leads, if the rows say so."""
    return {"href": alt.Href("href:N")} if rows and "href" in rows[0] else {}


def layered(
    layers: Sequence[alt.Chart | alt.LayerChart],
    canvas: Canvas,
    *,
    title: str,
    description: str,
    width: Width,
    height: int | alt.Step = HEIGHT,
    rows: Sequence[Row] | None = None,
) -> alt.LayerChart:
    """The layers over each other, still to be dressed; charts side by side are dressed together."""
    shared = alt.Undefined if rows is None else data(rows)
    return alt.LayerChart(layer=list(layers), data=shared).properties(
        width=width,
        height=height,
        description=description,
        title=_heading(title, canvas),
    )


def _heading(text: str, canvas: Canvas) -> alt.TitleParams:
    return alt.TitleParams(
        text=text, anchor="start", fontSize=13, fontWeight="normal", color=canvas.ground.quiet, offset=12
    )


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
    chart = layered(
        layers, canvas, title=title, description=description, width=canvas.width, height=height, rows=rows
    ).properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    dressed: alt.LayerChart = dress(chart, canvas)
    return dressed


def side_by_side(
    charts: Sequence[alt.LayerChart],
    columns: int,
    canvas: Canvas,
    families: Iterable[str],
    *,
    title: str,
    description: str,
) -> alt.VConcatChart:
    """Charts of fixed sizes as one picture, under the names of the families in their colours."""
    grid = alt.ConcatChart(concat=list(charts), columns=columns, spacing=24)
    together = alt.VConcatChart(vconcat=[_key(families, canvas), grid], spacing=14).properties(
        description=description, title=_heading(title, canvas)
    )
    dressed: alt.VConcatChart = dress(together, canvas)
    return dressed


def _key(families: Iterable[str], canvas: Canvas) -> alt.LayerChart:
    """The families' shapes and names in a row."""
    kinds = [style(f, canvas) for f in sorted(families, key=order)]
    rows = [{**kind, "words": short_family_name(kind["family"]), "x": KEY * i} for i, kind in enumerate(kinds)]
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-8, KEY * len(rows) - 8], nice=False))
    mark = alt.Chart(data(rows)).mark_point(filled=True, size=60, opacity=1)
    text = alt.Chart(data(rows)).mark_text(align="left", dx=9, fontSize=12, fontWeight=600)
    layers = [
        draw(mark, x=x, y=alt.value(8), color=COLOUR, shape=SHAPE),
        draw(text, x=x, y=alt.value(8), text="words:N", color=alt.Color("ink:N", scale=None)),
    ]
    return alt.LayerChart(layer=layers).properties(width=KEY * len(rows), height=16)


def dress(chart: Any, canvas: Canvas) -> Any:
    """Ground, type and axes of the house."""
    ground = canvas.ground
    return (
        chart.properties(
            background=ground.paper if canvas.paper else "transparent",
            usermeta={"embedOptions": {"actions": False}},  # its menu offers an editor on another host
            padding={"left": 4, "right": 8, "top": 8, "bottom": 8},
        )
        .configure(font=FONT)
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


def waiting(canvas: Canvas, words: str, title: str = "", height: int = HEIGHT) -> alt.LayerChart:
    """A chart that has nothing to show yet, and says when it will; as high as it will be, so that no page jumps."""
    text = alt.Chart(data([{}])).mark_text(fontSize=14, color=canvas.ground.quiet, align="center")
    drawn = draw(text, x=alt.value({"expr": "width / 2"}), y=alt.value({"expr": "height / 2"}), text=alt.value(words))
    return framed([drawn], canvas, title=title, description=words, height=height)
