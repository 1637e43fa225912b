import json
import subprocess
import sys

import pytest

from analysis.curve import Curve, curve
from sparseift.records import DENSE, Metric, Plan, Point

STATES = ("empty", "dense", "partial", "confirmed", "off", "ladder")


@pytest.mark.parametrize("state", STATES)
def test_json_round_trip(states: dict[str, Curve], state: str) -> None:
    one = states[state]
    assert Curve.from_json(json.loads(json.dumps(one.to_json(), allow_nan=False))) == one


def test_a_curve_of_another_version_is_read_as_far_as_it_goes(states: dict[str, Curve]) -> None:
    one = states["ladder"]
    told = one.to_json()
    newer = {**told, "mood": "good", "ladder": [{**rung, "colour": "blue"} for rung in told["ladder"]]}
    newer["points"] = [{**p, "colour": "blue"} for p in told["points"]]
    assert Curve.from_json(newer) == one
    older = {name: value for name, value in told.items() if name not in ("ladder", "multiplier")}
    read = Curve.from_json(older)
    assert (read.ladder, read.multiplier, read.points) == ((), None, one.points)


def test_the_ladder_and_what_the_best_equals_on_it_are_part_of_the_curve(states: dict[str, Curve]) -> None:
    one = states["ladder"]
    assert [r.name for r in one.ladder] == ["Dense 1.41×", "Dense 2×", "Dense 4×"]
    assert [r.mean for r in one.ladder] == pytest.approx([2.070, 2.048, 2.005])
    assert {r.seeds for r in one.ladder} == {(101, 102, 103)}
    assert one.dense == states["confirmed"].dense, "the ladder is no part of the baseline"
    assert one.multiplier is not None
    assert one.multiplier.key == one.best[0].point.configuration_key
    assert one.multiplier.value == pytest.approx(1.8, abs=0.1)
    assert f"as good as a dense model of {one.multiplier.value:.1f}×" in one.headline
    for state in ("empty", "dense", "partial", "confirmed"):
        assert (states[state].ladder, states[state].multiplier) == ((), None)


def test_the_same_rows_in_any_order_give_the_same_curve(states: dict[str, Curve]) -> None:
    points = states["confirmed"].points
    assert [(p.family, p.sparsity) for p in points] == sorted((p.family, p.sparsity) for p in points)


def test_levels_come_from_the_feasible_points_of_the_plan() -> None:
    metric = Metric("accuracy", "%", "maximize")
    points = (
        Point("sparse_wide", 0.9, True, sparsity=0.903),
        Point("sparse_wide", 0.5, True, sparsity=0.5),
        Point("sparse_doped", 0.95, False, reason="no rank"),
    )
    plan = Plan(metric, 10, 1, Point(DENSE, 0.0, True), points, 1.0, 1)
    one = curve("job", "name", metric, plan, [], counts={})
    assert one.planned_levels == (0.5, 0.903)
    assert one.headline.startswith("No result yet (no run has started)")


def test_analysis_reaches_no_torch_no_marimo_and_no_sql() -> None:
    code = (
        "import sys, analysis.curve, analysis.render; "
        "print([m for m in ('torch', 'marimo', 'sqlalchemy', 'fastapi') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
