import json
from typing import Any

import pytest
import vl_convert

from analysis.charts import HEIGHT, caption, describe, iso_flop_chart, unbroken
from analysis.curve import Curve
from analysis.palette import GROUNDS, THEMES, Theme


def values(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Every inline row of a specification."""
    return [row for rows in spec["datasets"].values() for row in rows]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("state", ["empty", "dense", "partial", "confirmed", "off"])
def test_every_state_compiles_in_every_theme(states: dict[str, Curve], state: str, theme: Theme) -> None:
    spec = iso_flop_chart(states[state], theme, "container").to_dict()
    vl_convert.vegalite_to_vega(spec)
    assert spec["height"] == HEIGHT  # whatever it shows
    assert spec["background"] == GROUNDS[theme].paper
    assert spec["description"] == describe(states[state])


def test_the_chart_shows_the_curves_numbers(states: dict[str, Curve]) -> None:
    curve = states["off"]
    rows = [row for row in values(iso_flop_chart(curve).to_dict()) if "role" in row]
    assert {row["y"] for row in rows} == {p.mean for p in curve.points}
    best = {(row["family"], row["y"]) for row in rows if row["ring"] == "best"}
    assert best == {(a.family, a.point.mean) for a in curve.best}
    excluded = [row for row in rows if row["role"] == "excluded"]
    assert [row["shape"] for row in excluded] == ["cross"]
    assert excluded[0]["Against dense"] == "not compared"


def test_single_seed_points_are_hollow(states: dict[str, Curve]) -> None:
    rows = [row for row in values(iso_flop_chart(states["confirmed"]).to_dict()) if row.get("role") == "lead"]
    assert {row["fill"] == GROUNDS["light"].paper for row in rows if row["low"] is None} == {True}
    assert {row["fill"] == row["colour"] for row in rows if row["low"] is not None} == {True}


def test_narrow_charts_have_short_labels(states: dict[str, Curve]) -> None:
    def texts(width: int) -> str:
        return vl_convert.vegalite_to_svg(iso_flop_chart(states["confirmed"], width=width).to_dict())  # type: ignore[no-any-return]

    assert ">Sparse Wide<" in texts(900)
    assert ">Wide<" in texts(360)


def test_a_picture_keeps_its_width(states: dict[str, Curve]) -> None:
    svg = vl_convert.vegalite_to_svg(iso_flop_chart(states["confirmed"], width=900).to_dict())
    assert 'width="900"' in svg or 'width="900.0"' in svg


def test_it_can_be_read_aloud(states: dict[str, Curve]) -> None:
    text = describe(states["confirmed"])
    assert states["confirmed"].headline in text
    assert "Sparse Doped: best 2.088 ± 0.013 at 50 % sparsity." in text


def test_the_caption_explains_what_is_there_and_nothing_else(states: dict[str, Curve]) -> None:
    assert caption(states["empty"]) == ""
    assert caption(states["dense"]) == "Mean and 95 % interval over seeds."
    assert "Cross" in caption(states["off"])
    assert "Cross" not in caption(states["confirmed"])


def test_no_menu_leads_to_another_host(states: dict[str, Curve]) -> None:
    assert iso_flop_chart(states["confirmed"]).to_dict()["usermeta"] == {"embedOptions": {"actions": False}}


def test_numbers_keep_their_units_on_the_line() -> None:
    assert unbroken("(95 % interval, n = 3 seeds)") == "(95\u00a0% interval, n\u00a0=\u00a03\u00a0seeds)"


def test_a_name_cannot_leave_the_specification(states: dict[str, Curve]) -> None:
    json.dumps(iso_flop_chart(states["confirmed"]).to_dict(), allow_nan=False)
