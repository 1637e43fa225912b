"""Charts as HTML that any viewer's page may show."""

import altair as alt
import marimo as mo

from analysis.charting.frame import Canvas, waiting
from analysis.notebooks.figure import chart_text


def chart(listens: bool) -> alt.Chart:
    made = alt.Chart(alt.InlineData(values=[{"x": 1}])).mark_point().encode(x="x:Q")
    return made.add_params(alt.selection_point(name="over")) if listens else made


def test_a_chart_is_called_after_its_content() -> None:
    first, again, other = chart_text(mo, chart(True)), chart_text(mo, chart(True)), chart_text(mo, chart(False))
    assert first == again
    assert first != other
    assert first.count("object-id='chart-") == first.count("random-id='chart-") == 1


def test_one_that_listens_never_takes_the_place_of_one_that_does_not() -> None:
    """Else marimo listens to the chart before, which has no such signal: an error in the browser's console."""
    assert chart_text(mo, chart(True)).startswith("<div>")
    assert chart_text(mo, chart(False)).startswith("<section>")
    assert chart_text(mo, waiting(Canvas(), "Nothing yet")).startswith("<section>")
