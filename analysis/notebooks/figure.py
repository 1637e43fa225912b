"""A chart with its caption, its table and its files, as every page shows them."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis.charting import files
from analysis.charting.frame import Canvas, Drawn
from analysis.notebooks import page
from analysis.notebooks.memory import part
from analysis.palette import Theme

Rows = Sequence[Mapping[str, Any]]
Draw = Callable[[Canvas], Drawn]


LISTENS = "&quot;params&quot;"
IDS = re.compile(r"""(object|random)-id=(['"])[^'"]*\2""")


def figure(mo: Any, draw: Draw, theme: Theme, caption: str = "", *, of: tuple[Any, ...] = ()) -> Any:
    """The chart as wide as the page, and what its marks mean.

    Args:
        of: the chart's name and all that `draw` depends on beside the theme, as `memory.part` takes them: it is then
            drawn once for all viewers of the same.
    """
    name, *rest = of or ("",)

    def make() -> str:
        return chart_text(mo, draw(Canvas(theme, "container", paper=False)))

    shown = mo.Html(part(f"chart: {name}", (theme, *rest), make) if of else make())
    return mo.vstack([shown, mo.Html(page.caption(caption))] if caption else [shown])


def chart_text(mo: Any, chart: Any) -> str:
    """The chart as HTML that any viewer's page may show: it is called after its content, not by one kernel's count."""
    text: str = mo.as_html(mo.ui.altair_chart(chart, chart_selection=False, legend_selection=False)).text
    name = hashlib.sha256(IDS.sub("", text).encode()).hexdigest()[:32]
    # What listens to the pointer never takes the place of one that does not, nor the reverse: marimo would listen to
    # the chart before. Another tag makes it begin anew.
    tag = "div" if LISTENS in text else "section"
    named = IDS.sub(rf"\1-id='chart-{name}'", text)
    return f"<{tag}>{named}</{tag}>"


def downloads(
    mo: Any, name: str, rows: Rows | Callable[[], Rows], draw: Draw | None, theme: Theme, *, what: str = ""
) -> Any:
    """The table and the chart as files, made when they are asked for.

    Args:
        name: of the files, without an ending.
        rows: unrounded; or what reads them when they are asked for.
        what: is in them, on a page with several charts, e.g. "Attempts".
    """

    def read() -> Rows:
        return rows() if callable(rows) else rows

    made: list[tuple[str, Callable[[], bytes], str]] = [("csv", lambda: files.csv_of(read()), "text/csv")]
    if files.has_parquet():
        made.append(("parquet", lambda: files.parquet_of(read()), "application/vnd.apache.parquet"))
    if draw is not None:
        canvas = Canvas(theme, 1000)
        made.append(("svg", lambda: files.svg(draw(canvas)), "image/svg+xml"))
        made.append(("png", lambda: files.png(draw(canvas)), "image/png"))
    labels = {"parquet": "Parquet"}
    found = [
        mo.download(data, f"{name}.{ending}", kind, label=f"{what} {labels.get(ending, ending.upper())}".strip())
        for ending, data, kind in made
    ]
    return mo.hstack(found, justify="start", wrap=True)
