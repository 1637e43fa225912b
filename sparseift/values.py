"""Numbers that somebody gives, as a card's arguments or a recipe's settings: their type and their range."""

from contextlib import suppress
from typing import Any, TypeVar

from sparseift.errors import InvalidValue

Number = TypeVar("Number", int, float)


def as_number(name: str, value: Any, kind: type[Number]) -> Number:
    """A JSON number as `int` or `float`; 3.0 is an integer too, and true is no number.

    Raises:
        InvalidValue: it is something else, or not representable (NaN as an integer, 10^400 as a float).
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            number = kind(value)
            if kind is float or number == value:
                return number
    raise InvalidValue(f"{name} is {value!r}; it must be {'an integer' if kind is int else 'a number'}.")


def check_range(name: str, value: int | float, low: int | float, high: int | float) -> None:
    """Refuse a value outside an inclusive range, and NaN.

    Raises:
        InvalidValue: it is.
    """
    if not low <= value <= high:
        raise InvalidValue(f"{name} is {value}; it must lie in [{low}, {high}].")
