"""A report as Markdown (CommonMark with GitHub's tables). Charts are left out: the tables hold their numbers."""

import re

from analysis.report.document import Block, Bullets, Code, Document, Figure, Grid, Heading, Section, Words
from analysis.tables import Table


def markdown(document: Document) -> str:
    """The whole report."""
    parts = [f"# {_safe(document.title)}", f"**{_safe(document.headline)}**", _safe(document.status)]
    parts += [_section(section) for section in document.sections]
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> str:
    return "\n\n".join([f"## {_safe(section.title)}", *filter(None, map(_block, section.blocks))])


def _block(block: Block) -> str:
    match block:
        case Words(text):
            return _safe(text)
        case Heading(text):
            return f"### {_safe(text)}"
        case Bullets(items):
            return "\n".join(f"- {_safe(item)}" for item in items)
        case Grid(rows):
            return _table(rows)
        case Code(text, language):
            fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
            return f"{fence}{language}\n{text}\n{fence}"
        case Figure():
            return ""


def _table(rows: Table) -> str:
    if not rows:
        return ""
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *(list(row.values()) for row in rows)]
    first = "| " + " | ".join(_safe(cell) for cell in head) + " |"
    others = ["| " + " | ".join(cell if cell == "---" else _safe(cell) for cell in line) + " |" for line in lines[1:]]
    return "\n".join([first, *others])


def _safe(text: str) -> str:
    """Text that means itself: no markup, link or tag comes of a job's name or of a message."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", " ".join(text.split("\n")))
