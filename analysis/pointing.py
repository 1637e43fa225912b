"""What is pointed at: the family, or other group, of the mark that is nearest to the pointer.

Two selections that mean the same. One lies below all marks and finds the nearest of them anywhere; the cells that it
finds it by would hide marks from clicks if they lay on top. The other is of the marks themselves, which lie on top.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt

DIMMED = 0.16  # opacity of what is not pointed at
NEAR, OVER = "hover", "over"
NOTHING = f"!length(data('{NEAR}_store')) && !length(data('{OVER}_store'))"


class Pointing:
    """The selections of one chart.

    Args:
        field: of the rows, that is pointed at together.
        always: an expression of rows that are never dimmed.
    """

    def __init__(self, field: str = "family", always: str = "false") -> None:
        same: dict[str, Any] = {"on": "pointerover", "clear": "pointerout", "fields": [field], "empty": True}
        self.near = alt.selection_point(name=NEAR, nearest=True, **same)
        self.over = alt.selection_point(name=OVER, **same)
        self._test = {"or": [{"param": NEAR, "empty": False}, {"param": OVER, "empty": False}, NOTHING, always]}

    def dim(self, opacity: float = 1.0, *, dimmed: float = DIMMED) -> alt.OpacityValue:
        """Opacity that falls for what is not pointed at."""
        return alt.OpacityValue(min(opacity, dimmed), condition={"test": self._test, "value": opacity})

    def reach(self, rows: Sequence[dict[str, Any]] | None, **channels: Any) -> alt.Chart:
        """The invisible layer that finds the nearest mark; it goes before all that is clicked on.

        Args:
            rows: None for those that all layers share.
        """
        mark = alt.Chart(alt.Undefined if rows is None else alt.InlineData(values=list(rows))).mark_point(opacity=0)
        drawn: alt.Chart = mark.encode(**channels).add_params(self.near)
        return drawn
