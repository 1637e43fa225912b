"""A chart with its caption, its table and its files, as every page shows them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt

from analysis.charting import files
from analysis.charting.frame import Canvas
from analysis.notebooks import page
from analysis.palette import Theme

Draw = Callable[[Canvas], alt.LayerChart]


def figure(mo: Any, draw: Draw, theme: Theme, caption: str = "") -> Any:
    """The chart as wide as the page, and what its marks mean."""
    chart = draw(Canvas(theme, "container", paper=False))
    shown = mo.ui.altair_chart(chart, chart_selection=False, legend_selection=False)
    return mo.vstack([shown, mo.Html(page.caption(caption))] if caption else [shown])


def downloads(mo: Any, name: str, rows: Sequence[Mapping[str, Any]], draw: Draw | None, theme: Theme) -> Any:
    """The table and the chart as files, made when they are asked for.

    Args:
        name: of the files, without an ending.
        rows: unrounded.
    """
    made: list[tuple[str, Callable[[], bytes], str]] = [("csv", lambda: files.csv_of(rows), "text/csv")]
    if files.has_parquet():
        made.append(("parquet", lambda: files.parquet_of(rows), "application/vnd.apache.parquet"))
    if draw is not None:
        canvas = Canvas(theme, 1000)
        made.append(("svg", lambda: files.svg(draw(canvas)), "image/svg+xml"))
        made.append(("png", lambda: files.png(draw(canvas)), "image/png"))
    found = [
        mo.download(data, f"{name}.{ending}", kind, label="Parquet" if ending == "parquet" else ending.upper())
        for ending, data, kind in made
    ]
    return mo.hstack(found, justify="start", wrap=True)
