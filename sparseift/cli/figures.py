"""Numbers and names as the terminal shows them."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

MARKS = {  # family -> (filled, hollow, colour): colour and shape, so that neither alone must be told apart
    "sparse_wide": ("●", "○", "#56b4e9"),
    "sparse_parallel": ("■", "□", "#e69f00"),
    "sparse_factorized": ("▲", "△", "#009e73"),
    "sparse_doped": ("◆", "◇", "#cc79a7"),
}
OTHER = ("✚", "✚", "white")
STATE_STYLES = {
    "succeeded": "green",
    "complete": "green",
    "running": "cyan",
    "failed": "red",
    "cancelled": "yellow",
    "stopping": "yellow",
    "paused": "yellow",
    "infeasible": "bright_black",
}


def short(family: str) -> str:
    """ "sparse_wide" as "Wide"; "dense" as "Dense"."""
    return family.removeprefix("sparse_").replace("_", " ").title()


def mark(family: str) -> tuple[str, str, str]:
    """Filled mark, hollow mark and colour of a family."""
    return MARKS.get(family, OTHER)


def number(value: float | None, unit: str, signed: bool = False) -> str:
    """A metric's value without its unit: two decimals for percent, three for the rest."""
    if value is None:
        return "–"
    return f"{value:{'+' if signed else ''}.{2 if unit == '%' else 3}f}".replace("-", "−")


def interval(estimate: Mapping[str, Any], unit: str, signed: bool = False) -> str:
    """ "2.410 ± 0.012" of {mean, low, high}; the mean alone without an interval (one seed)."""
    text = number(estimate["mean"], unit, signed)
    if estimate["low"] is None or estimate["high"] is None:
        return text
    return f"{text} ± {number((estimate['high'] - estimate['low']) / 2, unit)}"


def percent(fraction: float) -> str:
    """.75 as "75 %", .6667 as "66.7 %"."""
    value = round(100 * fraction, 1)
    return f"{value:.0f} %" if value == int(value) else f"{value:.1f} %"


def duration(seconds: float) -> str:
    """ "41 s", "3 min 20 s", "2 h 05 min"."""
    minutes, s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {s:02d} s" if minutes else f"{s} s"


def flops(value: float) -> str:
    """FLOPs with a decimal prefix: "3.63 GFLOP"."""
    for prefix in ("", "k", "M", "G", "T", "P", "E"):
        if abs(value) < 1000 or prefix == "E":
            break
        value /= 1000
    return f"{value:.3g} {prefix}FLOP"


def count(value: float) -> str:
    """A count with a decimal prefix: "11.2 M"."""
    return flops(value).removesuffix("FLOP").strip()


def size(n: float) -> str:
    """Bytes with a decimal prefix: "7.18 GB"."""
    return f"{flops(n).removesuffix('FLOP')}B"


def state(name: str) -> Text:
    """A state in its colour."""
    return Text(name, STATE_STYLES.get(name, ""))
