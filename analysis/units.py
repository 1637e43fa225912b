"""Numbers as people read them: decimals that fit the unit, a true minus, percents that differ by points."""

import math

DECIMALS = {"%": 2, "bits/byte": 3}  # shown; others get DEFAULT_DECIMALS
DEFAULT_DECIMALS = 3
MINUS = "−"


def decimals(unit: str) -> int:
    """How many decimals a value in this unit is shown with."""
    return DECIMALS.get(unit, DEFAULT_DECIMALS)


def number(value: float, unit: str, *, signed: bool = False) -> str:
    """The bare number, e.g. "−0.031"; `signed` adds a plus to positive ones."""
    text = f"{abs(value):.{decimals(unit)}f}"
    is_zero = not any(c in "123456789" for c in text)
    sign = "" if is_zero else MINUS if value < 0 else "+" if signed else ""
    return sign + text


def value_text(value: float, unit: str) -> str:
    """A value with its unit, e.g. "80.11 %"."""
    return f"{number(value, unit)} {unit}"


def difference_unit(unit: str) -> str:
    """The unit of a difference: percents differ by points."""
    return "points" if unit == "%" else unit


def interval_text(mean: float, low: float | None, high: float | None, unit: str) -> str:
    """ "80.11 ± 0.32"; without an interval the mean alone."""
    if low is None or high is None:
        return number(mean, unit)
    return f"{number(mean, unit)} ± {number((high - low) / 2, unit)}"


def percent(fraction: float) -> str:
    """A fraction as "75 %", with one decimal only where it is needed."""
    value = round(100 * fraction, 1)
    return f"{value:.0f} %" if value == int(value) else f"{value:.1f} %"


def big(value: float | None) -> str:
    """A count in three digits, e.g. "3.63 G"; "–" for none."""
    if value is None or not math.isfinite(value):
        return "–"
    for size, word in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {word}"
    return f"{value:.3g}"
