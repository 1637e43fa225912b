"""A report as one HTML file: no script, no request; light and dark by the reader's choice, phone, desk and paper."""

import re
from html import escape
from string import Template
from typing import Any

import vl_convert

from analysis.palette import GROUNDS, LOOKS
from analysis.render import VEGA_LITE
from analysis.report.document import Block, Bullets, Code, Document, Figure, Grid, Heading, Section, Words
from analysis.tables import Table

LONG = 26  # characters above which a cell is broken into lines
WIDE, NARROW = 940, 350  # px that a chart is drawn at: for a desk or paper, and for a phone


def html(document: Document) -> str:
    """The whole report."""
    return PAGE.substitute(
        title=escape(document.title),
        status=escape(document.status),
        headline=escape(document.headline),
        contents="".join(f'<li><a href="#s{i}">{escape(s.title)}</a></li>' for i, s in enumerate(document.sections)),
        sections="".join(_section(i, section) for i, section in enumerate(document.sections)),
        light=_variables("light"),
        dark=_variables("dark"),
    )


def _section(number: int, section: Section) -> str:
    blocks = "".join(_block(block, f"s{number}b{i}") for i, block in enumerate(section.blocks))
    head = f'<h2 id="s{number}">{escape(section.title)}</h2>'
    if not section.folded:
        return f"<section>{head}{blocks}</section>"
    return f"<section><details><summary>{head}</summary>{blocks}</details></section>"


def _block(block: Block, name: str) -> str:
    match block:
        case Words(text):
            return f"<p>{escape(text)}</p>"
        case Heading(text):
            return f"<h3>{escape(text)}</h3>"
        case Bullets(items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Grid(rows):
            return _table(rows)
        case Code(text, _):
            return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'
        case Figure():
            return _figure(block, name)


def _table(rows: Table) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(c)}</th>' for c in rows[0])
    body = "".join("<tr>" + "".join(map(_cell, row.values())) + "</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table"><table><thead><tr>{head}</tr></thead>'
        + (f"<tbody>{body}</tbody></table></div>")
    )


def _cell(text: str) -> str:
    return f'<td class="long">{escape(text)}</td>' if len(text) > LONG else f"<td>{escape(text)}</td>"


def _figure(figure: Figure, name: str) -> str:
    """The chart at two widths, of which one is shown; its description stands for both."""
    # What altair makes is valid: to hold it against the grammar takes as long as drawing it.
    specs = {kind: figure.draw(w).to_dict(validate=False) for kind, w in (("wide", WIDE), ("narrow", NARROW))}
    drawn = "".join(f'<div class="{kind}">{_svg(spec, f"{name}{kind}")}</div>' for kind, spec in specs.items())
    caption = f"<figcaption>{escape(figure.caption)}</figcaption>" if figure.caption else ""
    label = escape(specs["wide"].get("description", ""), quote=True)
    return f'<figure><div role="img" aria-label="{label}">{drawn}</div>{caption}</figure>'


def _svg(spec: dict[str, Any], name: str) -> str:
    """The chart as SVG that stands within a page: its ids are its own, its colours follow the page's theme."""
    drawn: str = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
    drawn = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', drawn)
    drawn = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", drawn)
    drawn = re.sub(r' (?:aria-[a-z]+|role)="[^"]*"', "", drawn)  # the figure says it all, once
    for colour in _colours():
        drawn = drawn.replace(f'="{colour}"', f'="var(--c{colour[1:]},{colour})"')
    return drawn


def _colours() -> dict[str, str]:
    """Colours of light ground and what they are on dark ground."""
    light, dark = GROUNDS["light"], GROUNDS["dark"]
    pairs = {getattr(light, part): getattr(dark, part) for part in ("paper", "ink", "quiet", "grid", "band")}
    for family, look in LOOKS["light"].items():
        pairs |= {look.mark: LOOKS["dark"][family].mark, look.text: LOOKS["dark"][family].text}
    return pairs


def _variables(theme: str) -> str:
    return ";".join(f"--c{light[1:]}:{light if theme == 'light' else dark}" for light, dark in _colours().items())


_L = GROUNDS["light"]
PAGE = Template(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark"><title>$title: report</title><style>
:root{$light} @media screen and (prefers-color-scheme:dark){:root{$dark}}
"""
    f":root{{--paper:var(--c{_L.paper[1:]});--ink:var(--c{_L.ink[1:]});--quiet:var(--c{_L.quiet[1:]});"
    f"--line:var(--c{_L.grid[1:]});--band:var(--c{_L.band[1:]})}}"
    """
*{box-sizing:border-box} html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:1120px;padding:28px 20px 64px;background:var(--paper);
color:var(--ink);font:16px/1.55 "Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif}
.name,.status{color:var(--quiet);margin:0} .status{font-size:.87rem;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.3;margin:.25em 0 .5em;text-wrap:pretty}
h2{font-size:1.15rem;line-height:1.3;margin:2.2em 0 .6em;scroll-margin-top:1em}
summary{cursor:pointer} summary h2{display:inline-block}
p{margin:.7em 0} h3{font-size:1rem;margin:1.4em 0 .4em} ul{margin:.4em 0 1em;padding-left:1.25em} li{margin:.3em 0}
nav ul{columns:2;padding:0;list-style:none;
font-size:.9rem;color:var(--quiet);margin:1.2em 0 0} nav li{margin:0;padding:.15em 0;
break-inside:avoid} nav a{color:inherit}
figure{margin:0} figure svg{display:block;width:100%;height:auto} figcaption{color:var(--quiet);font-size:.87rem}
.narrow{display:none}
.scroll{overflow-x:auto;margin:.6em 0 1em} table{border-collapse:collapse;font-size:.88rem;
font-variant-numeric:tabular-nums;min-width:100%}
th,td{padding:.45em 1em .45em 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{color:var(--quiet);font-weight:600;white-space:nowrap} td{white-space:nowrap}
td.long{white-space:normal;min-width:13em;overflow-wrap:break-word} td:last-child{padding-right:0}
pre{background:var(--line);padding:.9em 1em;border-radius:6px;overflow-x:auto;font-size:.82rem;line-height:1.5}
code{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace}
:focus-visible{outline:2px solid var(--ink);outline-offset:2px}
@media (max-width:600px){body{padding:18px 14px 48px;font-size:15px} h1{font-size:1.25rem} .wide{display:none}
.narrow{display:block} nav ul{font-size:.82rem}}
@media print{body{max-width:none;padding:0;font-size:10pt} nav{display:none} h2{break-after:avoid}
figure,tr{break-inside:avoid} .scroll{overflow:visible} table{font-size:7.5pt}
td,th{white-space:normal;padding-right:.6em} details::details-content{content-visibility:visible;display:block}
pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid var(--line)}}
</style></head><body>
<header><p class="name">$title</p><h1>$headline</h1><p class="status">$status</p></header>
<nav aria-label="Sections"><ul>$contents</ul></nav>
<main>$sections</main></body></html>
"""
)
