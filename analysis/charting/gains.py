"""Who is better than the reference at equal FLOPs: differences with intervals that hold together; draws an answer."""

from collections.abc import Callable, Mapping
from typing import Any

import altair as alt

from analysis.charting.frame import COLOUR, SHAPE, Canvas, data, dim, draw, framed, hover, href, style, tooltip, waiting
from analysis.labels import family_name, short_family_name
from analysis.units import difference_unit, number, percent

Answer = Mapping[str, Any]  # of `GET /v1/jobs/{job}/compare`
Link = Callable[[Mapping[str, Any]], str]
ROW = 46  # px
FAMILIES = 4  # rows, usually: as high is the chart that has none yet
VERDICTS = {"better": "better", "worse": "worse", "tie": "level", "unknown": "no interval"}


def gains_chart(answer: Answer, canvas: Canvas, link: Link | None = None) -> alt.LayerChart:
    """One row per comparison: its difference, its interval, and zero as the rule to clear."""
    unit = answer["metric"]["unit"]
    base = "dense" if answer["reference"] == "dense" else f"configuration {answer['reference']}"
    title = f"Over {base} at equal FLOPs, {difference_unit(unit)}"
    shown = [c for c in answer["comparisons"] if c["difference"] is not None]
    if not shown:
        return waiting(canvas, "Differences appear once dense and a family have results", title, FAMILIES * ROW)
    ground = canvas.ground
    rows = []
    for c in shown:
        kind = style(c["family"], canvas)
        row = {
            **kind, "name": f"{short_family_name(c['family'])} {percent(c['sparsity'])}", "x": c["difference"],
            "low": c["low"], "high": c["high"], "text": gain_text(c, unit), "Verdict": VERDICTS[c["verdict"]],
            "Seeds": c["seeds"], "Schedule": c["schedule"] or "–",
            "fill": kind["colour"] if c["verdict"] in ("better", "worse") else ground.paper,
        }  # fmt: skip
        rows.append(row | ({"href": link(c)} if link else {}))
    ends = [v for r in rows for v in (r["low"], r["high"], r["x"], 0.0) if v is not None]
    room = 0.12 * ((max(ends) - min(ends)) or 1.0)
    scale = alt.Scale(domain=[min(ends) - room, max(ends) + room], nice=False)
    axis = alt.Axis(title=None, tickCount=5, labelExpr="datum.value ? format(datum.value, '+~g') : '0'")
    x = alt.X("x:Q", scale=scale, axis=axis)
    y = alt.Y("name:N", sort=[r["name"] for r in rows], axis=alt.Axis(title=None, ticks=False, labelColor=ground.ink))
    pointed = hover(nearest=False)
    zero = draw(alt.Chart(data([{"x": 0}])).mark_rule(color=ground.ink, strokeWidth=2), x=x)
    spans = alt.Chart(data([r for r in rows if r["low"] is not None])).mark_rule(strokeWidth=3)
    interval = draw(
        spans, x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", y=y, color=COLOUR, opacity=dim(pointed, 0.8)
    )
    mark = alt.Chart(data(rows)).mark_point(size=120, strokeWidth=2, opacity=1)
    points = draw(
        mark, x=x, y=y, stroke=COLOUR, fill=alt.Fill("fill:N", scale=None), shape=SHAPE, opacity=dim(pointed),
        tooltip=tooltip("label", "text", "Verdict", "Seeds", "Schedule"), **href(rows),
    ).add_params(pointed)  # fmt: skip
    words = alt.Chart(data(rows)).mark_text(dy=-14, fontSize=12, fontWeight=600)
    text = draw(words, x=x, y=y, text="text:N", color=alt.Color("ink:N", scale=None), opacity=dim(pointed))
    said = "; ".join(f"{r['name']}: {r['text']}, {r['Verdict']}" for r in rows)
    return framed([zero, interval, points, text], canvas, title=title, description=said, height=alt.Step(ROW))


def gain_text(c: Mapping[str, Any], unit: str) -> str:
    """e.g. "+2.49 [2.09, 2.88]"."""
    text = number(c["difference"], unit, signed=True)
    return text if c["low"] is None else f"{text} [{number(c['low'], unit)}, {number(c['high'], unit)}]"


def gains_rows(answer: Answer) -> list[dict[str, Any]]:
    """The comparisons unrounded, with whether they are tied for best, for files."""
    ties = set(answer["ties"])
    return [
        {**{k: v for k, v in c.items() if k != "refusal"}, "tied_for_best": c["key"] in ties,
         "refused": c["refusal"]["message"] if c["refusal"] else ""}
        for c in answer["comparisons"]
    ]  # fmt: skip


def gains_table(answer: Answer) -> list[dict[str, str]]:
    """The comparisons in words, refused ones with their reason."""
    unit = answer["metric"]["unit"]
    ties = set(answer["ties"])
    return [
        {
            "Family": family_name(c["family"]),
            "Sparsity": percent(c["sparsity"]),
            f"Difference ({difference_unit(unit)}), 95 %": "–" if c["difference"] is None else gain_text(c, unit),
            "Verdict": "refused" if c["refusal"] else VERDICTS[c["verdict"]],
            "Tied for best": "yes" if c["key"] in ties else "",
            "Seeds": str(c["seeds"]),
            "Confirmed": "yes" if c["confirmed"] else "no",
            "How": {"blocked": "within seeds", "welch": "two samples", "none": "–"}[c["method"]],
            "Note": c["refusal"]["message"] if c["refusal"] else "",
        }
        for c in answer["comparisons"]
    ]
