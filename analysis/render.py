"""A curve as a file: one offline HTML page, PNG, SVG or CSV. No browser and no network is needed."""

import json
from collections.abc import Mapping
from functools import cache
from html import escape
from string import Template
from typing import Any

import altair as alt
import vl_convert

from analysis.charts import caption, iso_flop_chart, unbroken
from analysis.curve import Curve
from analysis.palette import GROUNDS, THEMES, Theme
from analysis.tables import Table, best_table, csv_text, point_table
from sparseift.errors import UnknownName

FORMATS = ("html", "png", "svg", "csv")
MEDIA_TYPES: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
    "csv": "text/csv; charset=utf-8",
}
WIDTH = 1000  # px of a picture
SCALE = 2.0  # pixels of a PNG per px, for sharp screens
VEGA_LITE = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])  # what altair writes, vl-convert reads


def render(curve: Curve, fmt: str, theme: Theme = "light", width: int = WIDTH) -> bytes:
    """The curve as a complete file.

    Args:
        curve: what to show.
        fmt: one of `FORMATS`.
        theme: of pictures; the HTML page follows its reader's.
        width: px of pictures; the HTML page follows its window.

    Raises:
        UnknownName: for another format.
    """
    if fmt == "csv":
        return csv_text(curve).encode()
    if fmt == "html":
        return html_page(curve).encode()
    if fmt not in FORMATS:
        raise UnknownName("format", fmt, FORMATS)
    spec = iso_flop_chart(curve, theme, width, captioned=True).to_dict()
    if fmt == "svg":
        svg: str = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
        return svg.encode()
    png: bytes = vl_convert.vegalite_to_png(spec, vl_version=VEGA_LITE, scale=SCALE)
    return png


@cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed as one script, as bundled with vl-convert."""
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    return script.replace("</script", "<\\/script")


def html_page(curve: Curve) -> str:
    """Headline, chart, tables with the same numbers, provenance: one file that asks nobody for anything."""
    specs = {theme: iso_flop_chart(curve, theme, "container").to_dict() for theme in THEMES}
    origin = {"job": curve.job_id, **curve.provenance}
    return PAGE.substitute(
        title=escape(curve.name),
        headline=escape(unbroken(curve.headline)),
        remarks="".join(f"<li>{escape(unbroken(r))}</li>" for r in curve.remarks),
        caption=escape(caption(curve)),
        best=html_table(best_table(curve), "Best sparsity per family"),
        points=html_table(point_table(curve), "Every configuration"),
        provenance=escape(" · ".join(f"{k} {v}" for k, v in origin.items())),
        progress=escape(curve.progress),
        colours=_colours("light"),
        dark=_colours("dark"),
        specs=script_json(specs),
        vega=_vega(),
    )


def html_table(table: Table, heading: str) -> str:
    """A table with its heading; nothing for no rows. Numbers stand right."""
    if not table:
        return ""
    head = "".join(f'<th scope="col">{escape(c)}</th>' for c in table[0])
    rows = "".join("<tr>" + "".join(f"<td>{escape(v)}</td>" for v in row.values()) + "</tr>" for row in table)
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<h2>{escape(heading)}</h2><div class="scroll" tabindex="0">{body}</div>'


def script_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _colours(theme: Theme) -> str:
    ground = GROUNDS[theme]
    return f"--paper:{ground.paper};--ink:{ground.ink};--quiet:{ground.quiet};--line:{ground.grid}"


PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>$title: iso-FLOP curve</title><style>
:root{$colours} @media (prefers-color-scheme:dark){:root{$dark}}
*{box-sizing:border-box} body{margin:0 auto;max-width:1180px;padding:24px 16px 48px;background:var(--paper);
color:var(--ink);font:15px/1.5 "Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif}
.name{color:var(--quiet);margin:0} h1{font-size:1.55rem;line-height:1.3;margin:.2em 0 .5em;text-wrap:pretty}
h2{font-size:1.1rem;margin:2em 0 .5em} ul{margin:0 0 1em;padding-left:1.2em;color:var(--quiet)}
.caption,footer{color:var(--quiet);font-size:.87rem} #chart{width:100%;min-height:460px}
.scroll{overflow-x:auto} table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums;width:100%}
th,td{padding:.4em .9em .4em 0;border-bottom:1px solid var(--line);text-align:left;white-space:nowrap}
th{color:var(--quiet);font-weight:600} footer{margin-top:2.5em;overflow-wrap:anywhere}
</style></head><body>
<p class="name">$title</p><h1>$headline</h1><ul>$remarks</ul>
<div id="chart"></div><p class="caption">$caption</p>
$best
$points
<footer>$progress. $provenance</footer>
<script type="module">$vega
const specs = $specs;
const dark = matchMedia("(prefers-color-scheme: dark)");
const draw = () => vegaEmbed("#chart", specs[dark.matches ? "dark" : "light"], {actions: false, renderer: "svg"});
dark.addEventListener("change", draw); draw();
</script></body></html>
""")
