"""Colours and shapes, the same on every page, on light and on dark ground.

Okabe & Ito's colour-blind-safe hues ("Color Universal Design", 2008), darkened or lightened until marks reach a
contrast of 3:1 and text of 4.5:1 against the ground (WCAG 2.2, 1.4.3 and 1.4.11); a test holds them to it. Shape says
the same as colour, for those who cannot tell colours apart.
"""

from dataclasses import dataclass
from typing import Literal

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Look:
    """How a family is drawn: Vega shape, colour of marks, colour of text."""

    shape: str
    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class Ground:
    """The page around the marks: paper, ink, quieter ink, grid lines, and the dense baseline's band."""

    paper: str
    ink: str
    quiet: str
    grid: str
    band: str


GROUNDS: dict[Theme, Ground] = {
    "light": Ground(paper="#ffffff", ink="#1f2328", quiet="#5c6570", grid="#e9ecef", band="#e4e7ea"),
    "dark": Ground(paper="#181c1a", ink="#e8eaed", quiet="#a3abb5", grid="#2a2f2d", band="#363c3a"),
}

LOOKS: dict[Theme, dict[str, Look]] = {
    "light": {
        "sparse_wide": Look("circle", "#0072b2", "#0068a3"),
        "sparse_parallel": Look("square", "#d55e00", "#b04e00"),
        "sparse_factorized": Look("triangle-up", "#00946c", "#007a59"),
        "sparse_doped": Look("diamond", "#bf5f95", "#a5457c"),
    },
    "dark": {
        "sparse_wide": Look("circle", "#56b4e9", "#6fc0ee"),
        "sparse_parallel": Look("square", "#f0883e", "#f59a58"),
        "sparse_factorized": Look("triangle-up", "#2fc79b", "#4bd3ab"),
        "sparse_doped": Look("diamond", "#e08fbe", "#e7a3ca"),
    },
}


def look(family: str, theme: Theme) -> Look:
    """How to draw a family; one that this table does not know is drawn in the ink of the theme."""
    known = LOOKS[theme].get(family)
    return known or Look("triangle-down", GROUNDS[theme].quiet, GROUNDS[theme].quiet)


def order(family: str) -> tuple[int, str]:
    """Sort key: the families in the table's order, others behind."""
    names = list(LOOKS["light"])
    return (names.index(family) if family in names else len(names), family)


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb" (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
