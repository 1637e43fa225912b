"""Parallel coordinates of a search's parameters against value."""

from typing import Any

import pytest

from analysis.charting import files, parallel
from analysis.charting.frame import Canvas
from sparseift.records import Metric

ACCURACY = Metric("accuracy", "%", "maximize")
LOSS = Metric("bits_per_byte", "bits/byte", "minimize")


def trial(number: int, value: float | None, delta: int | None = 100, **more: Any) -> dict[str, Any]:
    return {
        "number": number, "family": "sparse_wide", "kind": "search", "state": "complete", "value": value,
        "sparsity": 0.75, "method": "rigl" if delta else "static", "distribution": "uniform", "delta_t_steps": delta,
        "drop_fraction": 0.3 if delta else None, "anneal": "cosine" if delta else None,
        "t_end_fraction": 0.75 if delta else None, "gradient_steps": None, **more,
    }  # fmt: skip


TRIALS = [
    trial(0, 77.0, None),
    trial(1, 78.0, 100),
    trial(2, 79.0, 400, sparsity=0.9004),
    trial(3, 78.5, 1600),
    trial(4, 99.0, kind="confirm"),
    trial(5, None, state="failed"),
    trial(6, 98.0, None, kind="baseline", family="dense"),
]


def lines(metric: Metric = ACCURACY, trials: list[dict[str, Any]] = TRIALS) -> dict[tuple[int, int], float]:
    spec = parallel.parallel_chart(trials, metric, Canvas()).to_dict()
    rows = [row for found in spec["datasets"].values() for row in found if "is_best" in row]
    return {(row["Trial"], row["x"]): row["y"] for row in rows}


def test_axes_are_the_parameters_that_differ() -> None:
    done = parallel.searched(TRIALS)
    assert [t["number"] for t in done] == [0, 1, 2, 3]
    names = [a.name for a in parallel.axes(done)]
    assert names == ["Sparsity", "Method", "ΔT"], "α₀ and the rest are the same wherever they are"
    assert parallel.axes(parallel.searched([trial(0, 1.0, sparsity=0.7501), trial(1, 1.1, sparsity=0.7499)])) == []


def test_places_by_hand() -> None:
    found = lines()
    deltas = {number: found[number, 2] for number in range(4)}
    assert deltas == pytest.approx({0: parallel.ABSENT, 1: 0.0, 2: 0.5, 3: 1.0}), "100, 400, 1600: octaves"
    values = {number: found[number, 3] for number in range(4)}
    assert values == pytest.approx({0: 0.0, 1: 0.5, 2: 1.0, 3: 0.75})
    assert lines(LOSS)[0, 3] == 1.0, "better is higher, of a loss too"


def test_the_best_tenth_is_drawn_strong_and_told() -> None:
    spec = parallel.parallel_chart(TRIALS, ACCURACY, Canvas()).to_dict()
    rows = [row for found in spec["datasets"].values() for row in found if "is_best" in row]
    assert {row["Trial"] for row in rows if row["is_best"]} == {2}
    assert parallel.summary(TRIALS, ACCURACY) == "The best trial of 4: Sparsity 90 %; Method RigL; ΔT 400."
    assert parallel.summary(TRIALS, ACCURACY) in spec["description"]
    assert parallel.strong(48) == 5
    assert parallel.strong(0) == 0


def test_the_table_has_the_best_first() -> None:
    rows = parallel.parallel_table(TRIALS, ACCURACY)
    assert [row["Trial"] for row in rows] == ["2", "3", "1", "0"]
    assert rows[-1] == {
        "Trial": "0", "Family": "Sparse Wide", "Sparsity": "75 %", "Method": "static", "ΔT": "–",
        "Validation (%)": "77.00",
    }  # fmt: skip
    assert parallel.parallel_table([], ACCURACY) == []


def test_thousands_are_thinned_and_the_best_stay() -> None:
    many = [trial(i, 70 + i / 1000, 100 + i % 7) for i in range(5000)]
    drawn = {number for number, _ in lines(trials=many)}
    assert len(drawn) == parallel.MOST + parallel.strong(5000)
    assert set(range(4500, 5000)) <= drawn
    words = parallel.caption(many)
    assert "ΔT: steps between mask updates. Of the 5000 trials the best 500 and of the others 400 are drawn." in words
    assert "T_end" not in words
    few = [trial(i, 70 + i / 1000, 100 + i % 7) for i in range(444)]  # 44 and 400
    assert len({number for number, _ in lines(trials=few)}) == 444
    assert "are drawn" not in parallel.caption(few)


def test_a_sparsity_of_seven_eighths_is_told_as_such() -> None:
    rows = parallel.parallel_table([trial(0, 77.0, 100, sparsity=0.875), trial(1, 78.0, 200)], ACCURACY)
    assert [row["Sparsity"] for row in rows] == ["75 %", "87.5 %"]


def test_nothing_yet() -> None:
    spec = parallel.parallel_chart(TRIALS[:1], ACCURACY, Canvas()).to_dict()
    assert "differ in a parameter" in spec["description"]
    assert spec["height"] == parallel.HEIGHT
    assert parallel.summary([], ACCURACY) == "No two trials of the search are complete yet."
    assert parallel.caption([]) == ""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_drawn(theme: str) -> None:
    chart = parallel.parallel_chart(TRIALS, ACCURACY, Canvas(theme, 390), lambda n: f"/trial/?trial={n}")  # type: ignore[arg-type]
    svg = files.svg(chart).decode()
    assert "Value, %" in svg
    assert "/trial/?trial=2" in str(chart.to_dict())
