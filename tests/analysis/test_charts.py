import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import vl_convert

from analysis.charts import HEIGHT, LABEL_GAP, caption, describe, iso_flop_chart, unbroken
from analysis.curve import Curve
from analysis.layout import y_range
from analysis.marks import LADDER_DASH
from analysis.palette import GROUNDS, THEMES, Theme


def values(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Every inline row of a specification."""
    return [row for rows in spec["datasets"].values() for row in rows]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("state", ["empty", "dense", "partial", "confirmed", "off", "ladder"])
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


def ladder_labels(curve: Curve) -> list[str]:
    return [row["label"] for row in values(iso_flop_chart(curve).to_dict()) if "at" in row and row["family"] == "dense"]


def test_larger_dense_models_are_dashed_rules_with_their_label_and_value(states: dict[str, Curve]) -> None:
    spec = iso_flop_chart(states["ladder"]).to_dict()
    assert ladder_labels(states["ladder"]) == [
        "Dense 2.094", "Dense 1.41× 2.070", "Dense 2× 2.048", "Dense 4× 2.005",
    ]  # fmt: skip
    (rules,) = [layer for layer in spec["layer"] if layer["mark"].get("strokeDash") == LADDER_DASH]
    drawn = spec["datasets"][rules["data"]["name"]]
    assert [row["y"] for row in drawn] == [r.mean for r in states["ladder"].ladder]
    assert drawn[0]["Model"] == "Dense 1.41× FLOPs"
    assert drawn[0]["Best against it"].startswith("+0.015 bits/byte")
    assert "Dashed: larger dense models" in caption(states["ladder"])
    assert "Dense 2×: 2.048 ± 0.007." in describe(states["ladder"])
    assert "Dashed" not in caption(states["confirmed"])


def test_labels_of_families_and_dense_models_keep_their_distance(states: dict[str, Curve]) -> None:
    rows = [row for row in values(iso_flop_chart(states["ladder"]).to_dict()) if "at" in row]
    y = y_range(states["ladder"])
    places = sorted(row["at"] for row in rows)
    assert len(places) == 8
    assert min(b - a for a, b in pairwise(places)) >= 0.999 * LABEL_GAP * y.size / HEIGHT


def test_a_dense_model_far_off_is_named_and_does_not_stretch_the_axis(states: dict[str, Curve]) -> None:
    curve = states["ladder"]
    far = replace(curve, ladder=(*curve.ladder[:2], replace(curve.ladder[2], mean=0.9)))
    assert y_range(far).low > 1.9
    assert ladder_labels(far)[-1] == "Dense 4× 0.900 ↓"
    assert "Beyond the chart: Dense 4×." in caption(far)
    assert len([row for row in values(iso_flop_chart(far).to_dict()) if "Model" in row]) == 2


def test_the_axis_says_which_points_are_at_denses_flops(states: dict[str, Curve]) -> None:
    def title(curve: Curve) -> str:
        return next(str(a["title"]) for a in axes(iso_flop_chart(curve).to_dict()) if "Sparsity" in (a["title"] or ""))

    assert title(states["confirmed"]) == "Sparsity, % (every point at dense's FLOPs)"
    assert title(states["off"]) == "Sparsity, % (every point but crosses at dense's FLOPs)"


def axes(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        c["axis"] for layer in spec["layer"] for c in layer["encoding"].values() if isinstance(c, dict) and "axis" in c
    ]
