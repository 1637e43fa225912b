"""Curves as charts and tables; which of them are drawn at once, and kept, is `service.rendering`'s."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.curve import Curve
    from analysis.palette import Theme


def draw(curve: "Curve", form: str, theme: "Theme") -> bytes:
    """The curve in a format."""
    from analysis.render import render  # altair and the renderer: 2 s, for which no start should wait

    return render(curve, form, theme)
