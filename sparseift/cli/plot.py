"""The iso-FLOP curve drawn with characters: validation metric against sparsity, dense as a rule with its interval.

Larger dense models are dashed rules.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from sparseift.cli.figures import mark, number, short

HEIGHT = 16  # rows of the plot area
MARGIN = 10  # columns of the y labels, the axis included
NARROWEST = 24  # columns of the plot area below which nothing can be read

Json = Mapping[str, Any]


@dataclass(slots=True)
class Canvas:
    """A grid of characters with styles over a range of values."""

    width: int
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    cells: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)  # (row, column) -> character, style

    def column(self, x: float) -> int:
        """The column of a sparsity."""
        low, high = self.x_range
        return round((x - low) / (high - low) * (self.width - 1))

    def row(self, y: float) -> int:
        """The row of a value; row 0 is on top."""
        low, high = self.y_range
        return round((high - y) / (high - low) * (HEIGHT - 1))

    def put(self, row: int, column: int, character: str, style: str) -> None:
        """Writes a character; what is written later lies on top."""
        if 0 <= row < HEIGHT and 0 <= column < self.width:
            self.cells[row, column] = (character, style)

    def line(self, row: int) -> Text:
        """One row as styled text."""
        text = Text()
        for column in range(self.width):
            text.append(*self.cells.get((row, column), (" ", "")))
        return text


def draw(curve: Json, columns: int) -> Text:
    """The curve as text of at most `columns` columns; a sentence where there is nothing to draw yet."""
    points, dense, unit = curve["points"], curve["dense"], curve["metric"]["unit"]
    if not points:
        return Text("There is no sparse point to draw yet.")
    estimates = [*points, *([dense] if dense else [])]
    ladder = _near(curve.get("ladder", ()), estimates)  # an older service tells of none
    canvas = Canvas(
        max(NARROWEST, columns - MARGIN),
        _range([p["sparsity"] for p in points], least=0.1),
        _values(estimates, ladder),
    )
    if dense:
        _draw_dense(canvas, dense)
    for rung in ladder:
        _draw_rung(canvas, rung)
    for point in sorted(points, key=lambda p: (p["leads"], p["is_best"])):
        _draw_point(canvas, point)
    better = "higher" if curve["metric"]["direction"] == "maximize" else "lower"
    title = Text(f"validation {curve['metric']['name'].replace('_', ' ')}, {unit}; {better} is better")
    plot = _plot_lines(canvas, unit)
    return Text("\n", no_wrap=True).join([title, *plot, *_x_labels(canvas, points), _legend(points, dense, ladder)])


def _near(ladder: Iterable[Json], estimates: list[Json]) -> list[Json]:
    """The larger dense models that do not stretch the range of the others to more than twice itself on a side."""
    means = [e["mean"] for e in estimates]
    room = max(means) - min(means)
    return [rung for rung in ladder if min(means) - room <= rung["mean"] <= max(means) + room]


def _values(estimates: list[Json], ladder: list[Json]) -> tuple[float, float]:
    """The y range: every mean, and of the intervals what fits beside them; few seeds make intervals very long."""
    low, high = _range([e["mean"] for e in [*estimates, *ladder]], least=1e-3)
    room = 0.5 * (high - low)
    ends = [v for e in estimates for v in (e["low"], e["high"]) if v is not None]
    return max(low - room, min([low, *ends])), min(high + room, max([high, *ends]))


def _range(values: list[float], least: float) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = max(0.06 * (high - low), least / 2)
    return low - pad, high + pad


def _draw_dense(canvas: Canvas, dense: Json) -> None:
    if dense["low"] is not None:
        for row in range(max(0, canvas.row(dense["high"])), min(HEIGHT - 1, canvas.row(dense["low"])) + 1):
            for column in range(canvas.width):
                canvas.put(row, column, "░", "bright_black")
    for column in range(canvas.width):
        canvas.put(canvas.row(dense["mean"]), column, "─", "bold")


def _draw_rung(canvas: Canvas, rung: Json) -> None:
    """A larger dense model: a dashed rule that ends in its FLOPs over dense's."""
    row, label = canvas.row(rung["mean"]), f" {rung['flop_multiple']:.3g}×"
    for column in range(canvas.width):
        canvas.put(row, column, "╌", "bright_black")
    for i, character in enumerate(label, start=canvas.width - len(label)):
        canvas.put(row, i, character, "")


def _draw_point(canvas: Canvas, point: Json) -> None:
    filled, hollow, colour = mark(point["family"])
    column = canvas.column(point["sparsity"])
    if not point["iso_flop"]:
        canvas.put(canvas.row(point["mean"]), column, "×", "red")
        return
    if not point["leads"]:
        canvas.put(canvas.row(point["mean"]), column, "·", colour)
        return
    if point["low"] is not None:
        top, bottom = canvas.row(point["high"]), canvas.row(point["low"])
        for row in range(max(0, top), min(HEIGHT - 1, bottom) + 1):
            canvas.put(row, column, "↑" if row == 0 > top else "↓" if row == HEIGHT - 1 < bottom else "│", colour)
    character = filled if len(point["seeds"]) > 1 else hollow
    canvas.put(canvas.row(point["mean"]), column, character, f"bold reverse {colour}" if point["is_best"] else colour)


def _plot_lines(canvas: Canvas, unit: str) -> list[Text]:
    lines = []
    low, high = canvas.y_range
    for row in range(HEIGHT):
        shown = row % 5 == 0
        label = number(high - (high - low) * row / (HEIGHT - 1), unit) if shown else ""
        lines.append(Text(f"{label:>{MARGIN - 2}} {'┤' if shown else '│'}") + canvas.line(row))
    return lines


def _x_labels(canvas: Canvas, points: Iterable[Json]) -> list[Text]:
    ticks, labels, free = [" "] * canvas.width, [" "] * (canvas.width + 4), 0
    for level in sorted({round(p["sparsity"], 2) for p in points}):
        at, text = canvas.column(level), f"{100 * level:.0f}"
        start = max(0, at - len(text) // 2)
        ticks[at] = "┬"
        if start >= free:
            labels[start : start + len(text)] = text
            free = start + len(text) + 1
    axis = "".join("┬" if tick == "┬" else "─" for tick in ticks)
    blank = " " * (MARGIN - 1)
    return [Text(f"{blank}└{axis}"), Text(f"{blank} {''.join(labels).rstrip()}")]


def _legend(points: Iterable[Json], dense: Json | None, ladder: list[Json]) -> Text:
    text = Text("sparsity, %   ")
    for family in sorted({p["family"] for p in points}):
        filled, _, colour = mark(family)
        text.append(f"{filled} {short(family)}   ", colour)
    text.append("─ dense   " if dense else "")
    text.append("╌ larger dense models   " if ladder else "")
    text.append("\nhollow: one seed; reversed: best of its family; ·: another mask schedule", "bright_black")
    return text
