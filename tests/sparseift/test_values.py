"""Numbers that somebody gives: what is one, and what is refused with a sentence."""

import math
from typing import Any

import pytest

from sparseift.errors import InvalidValue
from sparseift.values import as_number, check_range


def test_numbers_become_the_kind_asked_for() -> None:
    assert repr(as_number("n", 3.0, int)) == "3"
    assert repr(as_number("n", 3, float)) == "3.0"
    assert as_number("n", 10**400, int) == 10**400


@pytest.mark.parametrize("value", [1.5, math.nan, math.inf, -math.inf, True, "3", None, [3]])
def test_no_integer_is_refused(value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^n is .*; it must be an integer\.$"):
        as_number("n", value, int)


@pytest.mark.parametrize("value", [10**400, False, "3", None])
def test_no_number_is_refused(value: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^x is .*; it must be a number\.$"):
        as_number("x", value, float)


@pytest.mark.parametrize("value", [-1, 2.5, math.nan, math.inf])
def test_what_lies_outside_is_refused(value: float) -> None:
    with pytest.raises(InvalidValue, match=r"it must lie in \[0, 2\]"):
        check_range("x", value, 0, 2)
    check_range("x", 2, 0, 2)
