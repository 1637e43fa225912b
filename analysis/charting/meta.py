"""Over jobs: each family's best sparsity against the size of the model."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt

from analysis.charting.frame import COLOUR, SHAPE, Canvas, Row, data, draw, framed, href, style, tooltip
from analysis.labels import family_name
from analysis.pointing import Pointing
from analysis.units import percent

Answer = Mapping[str, Any]
HEIGHT = 260  # px
LEAST_JOBS = 2  # one says nothing over jobs
FLOPS = "Dense model's forward FLOPs per sample"


def points(answer: Answer) -> Sequence[Mapping[str, Any]]:
    """Its points, where they are of several jobs."""
    found: Sequence[Mapping[str, Any]] = answer["points"]
    return found if len({p["job_id"] for p in found}) >= LEAST_JOBS else ()


def meta_chart(answer: Answer, canvas: Canvas, link: Callable[[str], str] | None = None) -> alt.LayerChart:
    """A mark per family and job, and each family's line where there is one."""
    rows: list[Row] = [
        {
            **style(p["family"], canvas), "x": p["size"], "y": 100 * p["sparsity"], "Sparsity": percent(p["sparsity"]),
            "Task": f"{p['model']} on {p['dataset']}", "FLOPs": f"{p['size']:.3g}", "Seeds": p["seeds"],
            **({"href": link(p["job_id"])} if link else {}),
        }
        for p in points(answer)
    ]  # fmt: skip
    title = "Best confirmed sparsity (%) against the model's size, over jobs"
    pointed = Pointing()
    x = alt.X("x:Q", scale=alt.Scale(type="log", nice=False, padding=24), axis=_axis(FLOPS))
    y = alt.Y("y:Q", scale=alt.Scale(zero=False, padding=16), axis=alt.Axis(title=None, ticks=False, tickCount=5))
    place: dict[str, Any] = {"x": x, "y": y, "tooltip": tooltip("label", "Sparsity", "Task", "FLOPs", "Seeds")}
    lines = alt.Chart(data(_lines(answer, canvas))).mark_line(strokeWidth=2)
    mark = alt.Chart(data(rows)).mark_point(filled=True, size=80)
    marks = draw(mark, **place, color=COLOUR, shape=SHAPE, opacity=pointed.dim(0.9), **href(rows))
    layers = [
        draw(lines, x=x, y=y, color=COLOUR, detail="family:N", opacity=pointed.dim(0.7)),
        pointed.reach(rows, **place),
        marks.add_params(pointed.over),
    ]
    said = f"{title}: {len(rows)} answers of {len({p['job_id'] for p in points(answer)})} jobs."
    return framed(layers, canvas, title=title, description=said, height=HEIGHT)


def _axis(title: str) -> alt.Axis:
    return alt.Axis(title=title, grid=False, tickCount=5, format="~s")


def _lines(answer: Answer, canvas: Canvas) -> list[Row]:
    """The trends over the sizes that they rest on: 1 / (1 − s) doubles `slope` times per tenfold FLOPs."""
    found: list[Row] = []
    for trend in answer["trends"]:
        if trend["slope"] is None:
            continue
        sizes = [math.log10(p["size"]) for p in points(answer) if p["family"] == trend["family"]]
        low, high = min(sizes), max(sizes)
        for at in (low + (high - low) * i / 20 for i in range(21)):
            level = 1 - 2 ** -(trend["intercept"] + trend["slope"] * at)
            found.append({**style(trend["family"], canvas), "x": 10**at, "y": 100 * max(0.0, level)})
    return found


def meta_table(answer: Answer) -> list[dict[str, str]]:
    """Per family: of how many jobs, and whether the best sparsity moves with the size."""
    shown = {p["family"] for p in points(answer)}
    return [
        {"Family": family_name(t["family"]), "Jobs": str(t["jobs"]), "Sizes": str(t["sizes"]), "Trend": _trend(t)}
        for t in answer["trends"]
        if t["family"] in shown
    ]


def _trend(t: Mapping[str, Any]) -> str:
    if t["slope"] is None:
        return "three sizes are needed to tell"
    if t["low"] is None:
        return "on one line, which leaves no spread for an interval"
    span = f"95 % interval {t['low']:+.2f} to {t['high']:+.2f}".replace("-", "−")
    if t["low"] <= 0 <= t["high"]:
        return f"not separated from none ({span} doublings of 1 / (1 − s) per tenfold FLOPs)"
    way = "sparser" if t["slope"] > 0 else "denser"
    return f"larger models are best {way} ({span} doublings of 1 / (1 − s) per tenfold FLOPs)"
