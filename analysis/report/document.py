"""A report before it is HTML or Markdown: sections of blocks. Words are plain text; renderers escape them."""

from collections.abc import Callable
from dataclasses import dataclass

import altair as alt

from analysis.tables import Table


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading within a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: rows with the same columns, text as it is shown; nothing is drawn of no rows."""

    rows: Table


@dataclass(frozen=True, slots=True)
class Code:
    """Text that is copied as it is. `language` names it for highlighting."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart, whose own description stands for it where it is not seen.

    Attributes:
        caption: what its marks mean; "" where they need no words.
        draw: the chart at a width in px, on light ground without paper.
    """

    caption: str
    draw: Callable[[int], alt.LayerChart]


Block = Words | Heading | Bullets | Grid | Code | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it.

    Attributes:
        folded: long, for reference: shown when it is opened, and printed.
    """

    title: str
    blocks: tuple[Block, ...]
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report.

    Attributes:
        title: the job's name. status: id, state, time. headline: the answer in one sentence.
    """

    title: str
    status: str
    headline: str
    sections: tuple[Section, ...]
