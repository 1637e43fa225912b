import pytest

from analysis.units import difference_unit, interval_text, number, percent, value_text


@pytest.mark.parametrize(
    ("value", "unit", "signed", "text"),
    [
        (80.114, "%", False, "80.11"),
        (-0.0312, "bits/byte", True, "−0.031"),
        (0.0312, "bits/byte", True, "+0.031"),
        (-0.0001, "bits/byte", True, "0.000"),  # no negative zero
        (1.5, "nats", False, "1.500"),
    ],
)
def test_numbers_have_the_decimals_of_their_unit(value: float, unit: str, signed: bool, text: str) -> None:
    assert number(value, unit, signed=signed) == text


def test_values_and_intervals() -> None:
    assert value_text(80.114, "%") == "80.11 %"
    assert interval_text(80.11, 79.79, 80.43, "%") == "80.11 ± 0.32"
    assert interval_text(80.11, None, None, "%") == "80.11"
    assert difference_unit("%") == "points"
    assert difference_unit("bits/byte") == "bits/byte"


@pytest.mark.parametrize(("fraction", "text"), [(0.75, "75 %"), (0.7501, "75 %"), (0.6667, "66.7 %"), (0.9, "90 %")])
def test_percents(fraction: float, text: str) -> None:
    assert percent(fraction) == text
