"""Formats by `Accept`."""

import pytest

from service.negotiation import choose
from service.problems import Refused

OFFERED = ("application/json", "text/csv", "image/png")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV;q=0.5, image/png", "image/png"),
        ("image/*, application/json;q=0.1", "image/png"),
        ("text/csv;q=0.2, */*;q=0.1", "text/csv"),
        ("application/json;q=0, */*", "text/csv"),
        ("image/png;charset=x;q=1", "image/png"),
    ],
)
def test_choice(accept: str | None, expected: str) -> None:
    assert choose(accept, OFFERED) == expected


@pytest.mark.parametrize("accept", ["application/pdf", "image/png;q=0", "image/png;q=often", ",", "text"])
def test_nothing_acceptable(accept: str) -> None:
    with pytest.raises(Refused, match="offered as application/json, text/csv, image/png"):
        choose(accept, OFFERED)
