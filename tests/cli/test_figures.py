"""Numbers as the terminal shows them."""

import pytest

from analysis.palette import LOOKS, THEMES, Theme
from sparseift.cli import figures

SHAPES = {"circle": ("●", "○"), "square": ("■", "□"), "triangle-up": ("▲", "△"), "diamond": ("◆", "◇")}


@pytest.mark.parametrize("theme", THEMES)
def test_a_family_has_the_charts_shape(theme: Theme) -> None:
    looks = LOOKS[theme]
    assert set(figures.MARKS) == set(looks)
    for family, look in looks.items():
        assert figures.mark(family)[:2] == SHAPES[look.shape]


def test_figures() -> None:
    assert figures.percent(2 / 3) == "66.7 %"
    assert figures.percent(0.75) == "75 %"
    assert figures.number(-0.0314, "bits/byte", signed=True) == "−0.031"
    assert figures.number(80.114, "%") == "80.11"
    assert figures.number(None, "%") == "–"
    assert figures.duration(41.4) == "41 s"
    assert figures.duration(200) == "3 min 20 s"
    assert figures.duration(7500) == "2 h 05 min"
    assert figures.flops(3.628e9) == "3.63 GFLOP"
    assert figures.count(11_200_000) == "11.2 M"
    assert figures.interval({"mean": 1.0, "low": 0.5, "high": 1.5}, "%") == "1.00 ± 0.50"
    assert figures.interval({"mean": 1.0, "low": None, "high": None}, "%") == "1.00"
