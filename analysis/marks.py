"""The layers of the iso-FLOP chart, from back to front. Each is one kind of mark over the same rows."""

from dataclasses import dataclass
from typing import Any

import altair as alt

from analysis.palette import Ground
from analysis.pointing import Pointing

Row = dict[str, Any]
TOOLTIP = ("Sparsity", "Mean", "Against dense", "Seeds", "Mask schedule", "FLOPs")
NARROW_WINDOW = 640  # px, below which a chart that follows its page writes short labels
LABEL_OFFSET = 14  # px between the plot's edge and a label


def inline(rows: list[Row]) -> alt.InlineData:
    """Rows inside the specification."""
    return alt.InlineData(values=rows)


def draw(mark: alt.Chart, **channels: Any) -> alt.Chart:
    """The mark with its channels; altair's own `encode` is untyped."""
    drawn: alt.Chart = mark.encode(**channels)
    return drawn


@dataclass(frozen=True, slots=True)
class Scene:
    """What the layers share.

    Attributes:
        rows: one per point (`charts.point_row`); labels: one per direct label (`charts.label_rows`).
        dense: at most one row with y, low, high; ladder: one per larger dense model.
        x_scale, y_scale, x_axis, y_axis: shared by every layer.
        pointing: at a family; dense is never dimmed, so that it stays to be compared with.
        label_field: which field of `labels` is written.
    """

    rows: list[Row]
    labels: list[Row]
    dense: list[Row]
    ladder: list[Row]
    x_scale: alt.Scale
    y_scale: alt.Scale
    x_axis: alt.Axis
    y_axis: alt.Axis
    pointing: Pointing
    ground: Ground
    label_field: str

    @property
    def x(self) -> alt.X:
        """The sparsity axis over the rows' `x`."""
        return alt.X("x:Q", scale=self.x_scale, axis=self.x_axis)

    def along_y(self, field: str = "y") -> alt.Y:
        """The metric's axis over a field of the rows."""
        return alt.Y(f"{field}:Q", scale=self.y_scale, axis=self.y_axis)

    def of(self, *roles: str) -> alt.InlineData:
        """The rows of these roles as inline data."""
        return inline([r for r in self.rows if r["role"] in roles])

    @property
    def link(self) -> dict[str, Any]:
        """The channel of where a click leads, if the rows say so."""
        return {"href": alt.Href("href:N")} if self.rows and "href" in self.rows[0] else {}

    def dim(self, opacity: float = 1.0) -> alt.OpacityValue:
        """Opacity that falls for the families that are not pointed at."""
        return self.pointing.dim(opacity)


COLOUR = alt.Color("colour:N", scale=None)
SHAPE = alt.Shape("shape:N", scale=None)
LADDER_DASH = [6, 4]
TOOLTIPS = [alt.Tooltip("label:N", title="Family"), *(alt.Tooltip(f"{t}:N") for t in TOOLTIP)]


def dense_band(scene: Scene) -> alt.Chart:
    """Dense's 95 % interval over the whole width."""
    data = inline([r for r in scene.dense if r["low"] is not None])
    band = alt.Chart(data).mark_rect(color=scene.ground.band, opacity=0.75, clip=True)
    return draw(band, x=alt.value(0), x2=alt.value("width"), y=scene.along_y("low"), y2="high:Q")


def dense_rule(scene: Scene) -> alt.Chart:
    """Dense's mean."""
    rule = alt.Chart(inline(scene.dense)).mark_rule(color=scene.ground.ink, strokeWidth=2)
    return draw(rule, x=alt.value(0), x2=alt.value("width"), y=scene.along_y())


def ladder_rules(scene: Scene) -> alt.Chart:
    """The means of larger dense models, dashed."""
    rule = alt.Chart(inline(scene.ladder)).mark_rule(color=scene.ground.quiet, strokeWidth=1.4, strokeDash=LADDER_DASH)
    words = [alt.Tooltip(f"{name}:N") for name in ("Model", "Mean", "Best against it", "Seeds")]
    return draw(rule, x=alt.value(0), x2=alt.value("width"), y=scene.along_y(), tooltip=words)


def leaders(scene: Scene) -> alt.Chart:
    """Thin lines from each family's last point to its label, which may have been nudged."""
    data = inline(scene.labels)
    rule = alt.Chart(data).mark_rule(strokeWidth=1, strokeDash=[1, 3])
    return draw(
        rule,
        x=scene.x,
        x2=alt.value({"expr": f"width + {LABEL_OFFSET - 4}"}),
        y=scene.along_y(),
        y2="at:Q",
        color=COLOUR,
        opacity=scene.dim(0.8),
    )


def lines(scene: Scene) -> alt.Chart:
    """Each family's line through its leading point at every sparsity."""
    line = alt.Chart(scene.of("lead")).mark_line(strokeWidth=2.5, strokeJoin="round")
    return draw(line, x=scene.x, y=scene.along_y(), color=COLOUR, detail="family:N", opacity=scene.dim(0.9))


def intervals(scene: Scene) -> alt.Chart:
    """95 % intervals of the points on the lines."""
    data = inline([r for r in scene.rows if r["role"] == "lead" and r["low"] is not None])
    rule = alt.Chart(data).mark_rule(strokeWidth=2, clip=True)
    return draw(rule, x=scene.x, y=scene.along_y("low"), y2="high:Q", color=COLOUR, opacity=scene.dim(0.75))


def others(scene: Scene) -> alt.Chart:
    """The schedules that do not lead at their sparsity, small; points that are not iso-FLOP as crosses."""
    point = alt.Chart(scene.of("other", "excluded")).mark_point(strokeWidth=1.2)
    return draw(
        point,
        x=scene.x,
        y=scene.along_y(),
        shape=SHAPE,
        stroke=COLOUR,
        fill=alt.Fill("fill:N", scale=None),
        size=alt.condition("datum.role === 'excluded'", alt.value(70), alt.value(26)),
        opacity=scene.dim(0.55),
        **scene.link,
        tooltip=TOOLTIPS,
    )


def reach(scene: Scene) -> alt.Chart:
    """What finds the nearest point of the lines; tooltips show from afar too."""
    rows = [r for r in scene.rows if r["role"] == "lead"]
    return scene.pointing.reach(rows, x=scene.x, y=scene.along_y(), tooltip=TOOLTIPS)


def rings(scene: Scene) -> alt.Chart:
    """Around each family's best; thinner around those within noise of it."""
    data = inline([r for r in scene.rows if r["ring"]])
    ring = alt.Chart(data).mark_point(shape="circle", filled=False, size=330)
    is_best = "datum.ring === 'best'"
    return draw(
        ring,
        x=scene.x,
        y=scene.along_y(),
        stroke=COLOUR,
        strokeWidth=alt.condition(is_best, alt.value(2.2), alt.value(1)),
        strokeOpacity=alt.condition(is_best, alt.value(1), alt.value(0.55)),
        opacity=scene.dim(),
    )


def leads(scene: Scene) -> alt.Chart:
    """The points on the lines, and what reacts to the pointer."""
    point = alt.Chart(scene.of("lead")).mark_point(size=95, strokeWidth=2, opacity=1)
    return draw(
        point,
        x=scene.x,
        y=scene.along_y(),
        shape=SHAPE,
        stroke=COLOUR,
        fill=alt.Fill("fill:N", scale=None),
        opacity=scene.dim(),
        **scene.link,
        tooltip=TOOLTIPS,
    ).add_params(scene.pointing.over)


def labels(scene: Scene) -> alt.Chart:
    """The direct labels right of the plot."""
    text = (
        alt.Chart(inline(scene.labels))
        .transform_calculate(text=f"windowSize()[0] < {NARROW_WINDOW} ? datum.short : datum.label")
        .mark_text(align="left", baseline="middle", fontSize=13, fontWeight=600)
    )
    return draw(
        text,
        x=alt.value({"expr": f"width + {LABEL_OFFSET}"}),
        y=scene.along_y("at"),
        text=alt.Text(f"{scene.label_field}:N"),
        color=alt.Color("ink:N", scale=None),
        opacity=scene.dim(),
    )


def waiting(scene: Scene, words: str) -> alt.Chart:
    """What an empty chart says."""
    text = alt.Chart(inline([{}])).mark_text(fontSize=14, color=scene.ground.quiet)
    return draw(text, x=alt.value({"expr": "width / 2"}), y=alt.value({"expr": "height / 5"}), text=alt.value(words))
