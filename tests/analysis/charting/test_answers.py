"""Charts and tables of the service's answers: equivalence, comparison, front, schedules, exploration."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.charting import equivalence, files, gains, panels, pareto, scatter, smooth
from analysis.charting.course import Course, course_chart, course_table, measured, updates
from analysis.charting.frame import Canvas
from analysis.comparison import Contender, compare
from analysis.equivalence import DenseSize
from analysis.equivalence import equivalence as equal
from analysis.points import CurvePoint
from analysis.statistics import mean_interval
from sparseift.records import Metric

ACCURACY = Metric("accuracy", "%", "maximize")
CANVAS = Canvas()


def size(multiple: float, *values: float) -> DenseSize:
    e = mean_interval(list(values))
    return DenseSize(multiple, e.mean, e.low, e.high, dict(enumerate(values)))


def point(*values: float, key: str = "k") -> CurvePoint:
    e = mean_interval(list(values))
    seeds = tuple(range(len(values)))
    return CurvePoint(
        "sparse_wide", key, "static", 0.75, e.mean, e.low, e.high, seeds, values, (), True, None, None, None, 1.0, True,
        1.0, seeds,
    )  # fmt: skip


SIZES = (size(1.0, 76.9, 77.1), size(2.0, 78.9, 79.1), size(4.0, 80.4, 80.6))


def test_the_fit_goes_through_three_sizes_and_its_band_is_the_textbooks() -> None:
    answer = equal(SIZES, [point(79.4, 79.6)], ACCURACY).to_json()
    places, mean, half = equivalence.fit_band(answer)
    assert places[[0, -1]] == pytest.approx([1.0, 4.0])
    assert mean[[0, -1]] == pytest.approx([77.0, 80.5])  # three coefficients, three sizes
    assert half is not None
    # At a size the fit is that size's mean of two runs: t · sd / √2.
    from analysis.statistics import t_quantile

    assert half[0] == pytest.approx(t_quantile(answer["degrees"]) * answer["residual_sd"] / np.sqrt(2))


def test_the_equivalence_is_told_in_words_in_a_table_and_in_the_picture() -> None:
    answer = equal(SIZES, [point(79.4, 79.6)], ACCURACY).to_json()
    value = answer["multipliers"][0]["value"]
    assert equivalence.headline(answer).startswith(f"Sparse Wide at 75 % sparsity is as good as dense {value:.2f}×")
    assert equivalence.multiplier_table(answer, {"k": 79.5})[0]["Validation (%)"] == "79.50"
    assert f"dense {value:.2f}×" in equivalence.equivalence_chart(answer, {"k": 79.5}, CANVAS).to_dict()["description"]


def told(key: str, value: float | None, confirmed: bool, **more: object) -> dict[str, object]:
    return {"key": key, "family": key, "sparsity": 0.75, "confirmed": confirmed, "value": value, "low": 1.5,
            "high": 2.5, "reason": "", "message": "", **more}  # fmt: skip


def test_the_headline_takes_no_lucky_multiplier() -> None:
    answer = equal(SIZES, [], ACCURACY).to_json()
    lucky, sure = told("sparse_doped", 3.1, False), told("sparse_wide", 2.0, True)
    text = equivalence.headline({**answer, "multipliers": [lucky, sure]})
    assert text == "Sparse Wide at 75 % sparsity is as good as dense 2.00× [1.50, 2.50]."
    only = equivalence.headline({**answer, "multipliers": [lucky]})
    assert only.startswith("Sparse Doped at 75 % sparsity is as good as dense 3.10×")
    assert only.endswith(", provisional until confirmed.")


def test_the_headline_names_a_point_beyond_the_ladder() -> None:
    beyond = told("sparse_parallel", None, True, reason="above_range", low=None, high=None)
    answer = {**equal(SIZES, [], ACCURACY).to_json(), "multipliers": [told("sparse_wide", 2.0, True), beyond]}
    assert equivalence.headline(answer) == (
        "Sparse Parallel at 75 % sparsity is beyond the largest dense model, 4×: no multiplier is given."
    )
    assert equivalence.multiplier_text(beyond) == "beyond the ladder"
    level = told("sparse_doped", None, True, reason="level_with_largest", low=None, high=None)
    assert equivalence.headline({**answer, "multipliers": [told("sparse_wide", 2.0, True), level]}) == (
        "Sparse Doped at 75 % sparsity is level with the largest dense model, 4×: no multiplier is given."
    )
    assert "Sparse Parallel" in equivalence.headline({**answer, "multipliers": [level, beyond]})
    assert "Sparse Wide" in equivalence.headline(
        {**answer, "multipliers": [level, told("sparse_wide", 4.0, True)][::-1]}
    )


def test_an_open_end_is_drawn_to_the_edge_with_an_arrow() -> None:
    multipliers = [
        told("a", 2.0, True), told("b", 1.1, True, low=None), told("c", 3.8, True, high=None),
        told("d", None, True, reason="above_range", low=None, high=None),
        told("e", None, True, reason="below_range", low=None, high=None),
    ]  # fmt: skip
    answer = {**equal(SIZES, [], ACCURACY).to_json(), "multipliers": multipliers}
    means = {"a": 79.0, "b": 77.1, "c": 80.4, "d": 81.0, "e": 76.0}
    spec = equivalence.equivalence_chart(answer, means, CANVAS).to_dict()

    def rows(**mark: object) -> list[dict[str, object]]:
        (layer,) = [e for e in spec["layer"] if mark.items() <= e["mark"].items()]
        return spec["datasets"][layer["data"]["name"]]  # type: ignore[no-any-return]

    low, high = 0.93, 4.0 * 1.12
    spans = {r["family"]: (r["low"], r["high"]) for r in rows(type="rule", strokeWidth=5)}
    assert spans == {"a": (1.5, 2.5), "b": (low, 2.5), "c": (1.5, high)}
    assert [(r["family"], r["x"]) for r in rows(shape="triangle-left")] == [("b", low)]
    assert [(r["family"], r["x"]) for r in rows(shape="triangle-right")] == [("c", high), ("d", high)]
    assert {r["family"]: r["to"] for r in rows(strokeDash=[2, 3])}["d"] == high


def test_without_a_ladder_the_reason_is_told() -> None:
    answer = equal(SIZES[:1], [point(79.4, 79.6)], ACCURACY).to_json()
    assert equivalence.headline(answer).startswith("No dense-equivalent multiplier: dense sizes with a result: 1")
    assert equivalence.equivalence_chart(answer, {"k": 79.5}, CANVAS).to_dict()["layer"]


def test_a_comparison_shows_differences_and_refusals() -> None:
    dense = Contender("dense", "dense", 0.0, "", {0: 77.0, 1: 77.2}, 1.0, True)
    near = Contender("a", "sparse_wide", 0.75, "static", {0: 79.0, 1: 79.3}, 1.0, True)
    far = replace(near, key="b", family="sparse_doped", flop_ratio=1.02)
    answer = compare([near, far], dense, ACCURACY).to_json()
    table = gains.gains_table(answer)
    assert table[0]["Difference (points), 95 %"].startswith("+2.05")
    assert (table[1]["Verdict"], table[1]["Difference (points), 95 %"]) == ("refused", "–")
    spec = gains.gains_chart(answer, CANVAS, lambda c: f"/trial/?key={c['key']}").to_dict()
    assert "/trial/?key=a" in str(spec)
    assert "/trial/?key=b" not in str(spec)  # refused, so not drawn


def front(key: str, cost: float, mean: float, status: str) -> dict[str, object]:
    return {
        "key": key, "family": "sparse_wide", "label": key, "sparsity": 0.5, "flop_multiple": 1.0, "cost": cost,
        "mean": mean, "low": None, "high": None, "seeds": 1, "is_front": status == "front", "dominated_by": "",
        "status": status, "front_probability": None,
    }  # fmt: skip


def test_the_front_is_a_step_line_and_its_table_leaves_the_dominated_out() -> None:
    points = [front("a", 1.0, 77.0, "front"), front("b", 2.0, 76.0, "dominated"), front("c", 2.0, 79.0, "tied"),
              front("d", 3.0, 80.0, "front")]  # fmt: skip
    answer = {
        "metric": {"name": "accuracy", "unit": "%", "direction": "maximize"},
        "cost_unit": "FLOPs",
        "points": points,
    }
    assert [r["Configuration"] for r in pareto.pareto_table(answer)] == ["a", "d", "c"]
    spec = pareto.pareto_chart(answer, CANVAS).to_dict()
    assert spec["description"] == "Pareto front, 2 points: a 77.00 %; d 80.00 %."
    assert any(layer["mark"].get("interpolate") == "step-after" for layer in spec["layer"])


def test_mask_updates_come_at_their_interval_until_the_end_fraction() -> None:
    assert updates({"delta_t_steps": 100, "t_end_fraction": 0.5}, 1000) == (100, 200, 300, 400, 500)
    assert updates({"method": "static"}, 1000) == ()
    assert updates(None, 1000) == ()


def test_a_course_is_drawn_and_told_and_a_constant_sparsity_is_not() -> None:
    reports = tuple(
        {"step": s, "training_flops": 1e9 * s, "train_loss": 2.0 - s / 100, "value": None, "churn": None, "itop": 0.5,
         "sparsity": 0.5, "seconds": 1.0, "total_steps": 100}
        for s in (10, 20)
    )  # fmt: skip
    course = Course("sparse_wide", "trial 1", reports, 100, {}, ())
    assert [m for m in ("train_loss", "value", "itop", "sparsity") if measured(course, m)] == ["train_loss", "itop"]  # type: ignore[arg-type]
    spec = course_chart(course, "train_loss", "Loss", "step", CANVAS).to_dict()
    assert spec["description"] == "Loss of trial 1: 1.900 at first, 1.800 at step 20."
    assert [r["Step"] for r in course_table(course, "%")] == ["10", "20"]
    assert "first report" in course_chart(course, "value", "Accuracy", "step", CANVAS).to_dict()["description"]


def test_panels_group_by_interval_static_first_and_neighbours_share() -> None:
    trials = [{"delta_t_steps": d, "method": "rigl"} for d in range(100, 2100, 100)] + [
        {"delta_t_steps": None, "method": "static"}
    ]
    found = panels.groups(trials, "delta_t_steps")
    assert found[0][0] == "static: no update"
    assert found[1][0] == "ΔT 100–300 steps"
    assert len(found) <= panels.MOST
    assert sum(len(group) for _, group in found) == len(trials)
    assert [name for name, _ in panels.groups(trials, "method")] == ["RigL", "static"]


def test_a_scatter_draws_numbers_alone_and_never_too_many() -> None:
    trials = [
        {
            "number": i,
            "family": "sparse_wide",
            "state": "complete",
            "sparsity": 0.5,
            "value": None if i % 2 else 1.0 * i,
        }
        for i in range(2 * scatter.MOST + 10)
    ]
    assert len(scatter.drawn(trials, "sparsity", "value")) <= scatter.MOST
    assert set(scatter.usable(trials)) == {"sparsity", "value", "number"}
    spec = scatter.scatter(trials[:9], "sparsity", "value", "family", CANVAS, lambda n: f"/trial/?trial={n}").to_dict()
    assert spec["description"].endswith("5 trials, by family.")
    assert scatter.text(-1234567.0) == "−1.235e+06"


def test_files_are_whole() -> None:
    chart = equivalence.equivalence_chart(equal(SIZES, [], ACCURACY).to_json(), {}, CANVAS)
    assert files.png(chart).startswith(b"\x89PNG")
    assert files.svg(chart).startswith(b"<svg")
    rows = [{"a": 1, "b": "x,y"}]
    assert files.csv_of(rows) == b'a,b\r\n1,"x,y"\r\n'
    assert files.parquet_of(rows)[:4] == b"PAR1"


def test_files_hold_what_the_smooth_chart_and_the_comparison_show() -> None:
    curve = {
        "family": "sparse_wide", "sparsities": [0.5, 0.7, 0.9], "mean": [77.0, 79.0, 78.0], "low": [76.0, 78.0, 77.0],
        "high": [78.0, 80.0, 79.0], "best_sparsity": 0.7, "candidates": [0.7], "next_sparsity": 0.8,
        "expected_improvement": 0.1, "runs": 9, "reason": "",
    }  # fmt: skip
    answer = {"metric": {"name": "accuracy", "unit": "%", "direction": "maximize"}, "curves": [curve]}
    assert smooth.smooth_table(answer)[0]["There (%), 95 % band"] == "79.00 ± 1.00"
    rows = smooth.smooth_rows(answer)
    assert len(rows) == 3
    assert rows[1] == {
        "family": "sparse_wide", "sparsity": 0.7, "unit": "%", "mean": 79.0, "low_95": 78.0, "high_95": 80.0,
    }  # fmt: skip
    dense = Contender("dense", "dense", 0.0, "", {0: 77.0, 1: 77.2}, 1.0, True)
    near = Contender("a", "sparse_wide", 0.75, "static", {0: 79.0, 1: 79.3}, 1.0, True)
    found = gains.gains_rows(
        compare([near, replace(near, key="b"), replace(near, key="c", flop_ratio=1.02)], dense, ACCURACY).to_json()
    )
    assert [(r["key"], r["tied_for_best"], bool(r["refused"])) for r in found] == [
        ("a", True, False), ("b", True, False), ("c", False, True),
    ]  # fmt: skip


def test_a_chart_that_waits_is_as_high_as_it_will_be() -> None:
    front = {"metric": {"name": "a", "unit": "%", "direction": "maximize"}, "cost_unit": "training FLOPs", "points": []}
    assert pareto.pareto_chart(front, CANVAS).to_dict()["height"] == pareto.HEIGHT
    empty = equivalence.equivalence_chart(equal([], [], ACCURACY).to_json(), {}, CANVAS).to_dict()
    assert empty["height"] == equivalence.HEIGHT
    assert scatter.scatter([], "sparsity", "value", "family", CANVAS).to_dict()["height"] == scatter.HEIGHT


def test_an_axis_of_flops_says_what_a_flop_is() -> None:
    points = [front("a", 1.0, 77.0, "front")]
    answer = {"metric": {"name": "a", "unit": "%", "direction": "maximize"}, "points": points}
    for unit, words in (
        ("training FLOPs of one run", ["Training FLOPs of one run,", "1 multiply-add = 2 FLOPs (log)"]),
        ("parameters", ["Parameters (log)"]),
    ):
        assert str(words) in str(pareto.pareto_chart({**answer, "cost_unit": unit}, CANVAS).to_dict())
