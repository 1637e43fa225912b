"""The curve in the terminal, drawn from curves that analysis computed."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from analysis.curve import curve
from analysis.measurement import Measurement
from sparseift.cli.plot import HEIGHT, draw
from sparseift.cli.tables import best_notes, best_table, curve_table
from sparseift.records import Metric, Plan, Point

METRIC = Metric("accuracy", "%", "maximize")
DENSE = Point("dense", 0.0, feasible=True, forward_flops=1000, flop_ratio=1.0)
PLAN = Plan(METRIC, 100, 32, DENSE, (), 1e9, 1)


def measurement(number: int, family: str, sparsity: float, kind: str, seed: int, value: float) -> Measurement:
    return Measurement(
        trial_id=number,
        family=family,
        configuration_key=f"{family}{sparsity}",
        sparsity=sparsity,
        kind=kind,
        seed=seed,
        value=value,
        test_value=None,
        flop_ratio=1.0,
        training_flops=1e9,
    )


ROWS = [
    measurement(1, "dense", 0.0, "baseline", 1, 70.0),
    measurement(2, "dense", 0.0, "baseline", 2, 71.0),
    measurement(3, "sparse_wide", 0.5, "search", 3, 72.0),
    measurement(4, "sparse_wide", 0.75, "confirm", 1, 74.0),
    measurement(5, "sparse_wide", 0.75, "confirm", 2, 75.5),
    measurement(6, "sparse_doped", 0.5, "search", 3, 69.0),
]


def shown(renderable: object, columns: int = 100) -> str:
    console = Console(width=columns, file=StringIO(), record=True)
    console.print(renderable)
    return console.export_text()


def test_marks_dense_and_axes_are_drawn() -> None:
    found = curve("job_1", "n", METRIC, PLAN, ROWS, counts={"complete": 6}).to_json()
    title, *lines = draw(found, 80).plain.splitlines()
    assert title == "validation accuracy, %; higher is better"
    text = "\n".join(lines[:HEIGHT])
    assert text.count("○") == 1, "Wide at .5 has one seed"
    assert text.count("●") == 1, "Wide at .75 has two"
    assert text.count("◇") == 1
    assert "────" in text
    rows = {mark: next(i for i, line in enumerate(lines) if mark in line) for mark in "●○◇"}
    assert rows["●"] < rows["○"] < rows["◇"], "better is higher"
    assert "50" in lines[HEIGHT + 1]
    assert "75" in lines[HEIGHT + 1]
    assert max(map(len, lines[: HEIGHT + 1])) <= 80


def test_one_point_without_dense_and_no_point_at_all() -> None:
    alone = curve("job_1", "n", METRIC, PLAN, ROWS[2:3], counts={"complete": 1}).to_json()
    assert "○" in draw(alone, 30).plain
    empty = curve("job_1", "n", METRIC, PLAN, [], counts={}).to_json()
    assert draw(empty, 80).plain == "There is no sparse point to draw yet."


def test_tables_say_what_is_provisional() -> None:
    found = curve("job_1", "n", METRIC, PLAN, ROWS, counts={"complete": 6}).to_json()
    text = shown(best_table(found), 80)
    assert "● Wide" in text
    assert "+4.25" in text, "the paired gain"
    assert "…" not in text, "nothing is cut on 80 columns"
    unit, wide, doped = (note.plain for note in best_notes(found))
    assert unit.startswith("%, ± 95 % interval")
    assert wide.endswith("1.0000 of dense's FLOPs; confirmed on 2 fresh seeds")
    assert doped.endswith("provisional")
    assert "(best)" in shown(curve_table(found), 160)


def test_no_number_loses_a_digit_on_eighty_columns() -> None:
    bits = Metric("bits_per_byte", "bits/byte", "minimize")
    rows = [
        replace(
            measurement(3 * i + j, family, sparsity, kind, j, 2.1 + 0.013 * i + 0.011 * j), test_value=2.2 + 0.017 * j
        )
        for i, (family, sparsity, kind) in enumerate(
            (("dense", 0.0, "baseline"), ("sparse_factorized", 0.502, "confirm"), ("sparse_parallel", 0.75, "confirm"))
        )
        for j in range(3)
    ]
    found = curve("job_1", "n", bits, PLAN, rows, counts={"complete": 9}).to_json()
    roomy, narrow = (shown(best_table(found), columns).split() for columns in (200, 80))
    digits = [[cell for cell in cells if cell[-1].isdigit()] for cells in (roomy, narrow)]
    assert digits[0] == digits[1]
    assert len(digits[0]) > 20
    assert "…" not in shown(best_table(found), 80)


def laddered(values: dict[float, float]) -> list[Measurement]:
    return [
        replace(
            measurement(20 + i, "dense", 0.0, "ladder", 1, value), flop_ratio=multiple, configuration_key=f"{multiple}"
        )
        for i, (multiple, value) in enumerate(values.items())
    ]


def test_larger_dense_models_are_dashed_and_named() -> None:
    rows = [*ROWS, *laddered({2.0: 73.0, 4.0: 99.0})]
    found = curve("job_1", "n", METRIC, PLAN, rows, counts={"complete": 8}).to_json()
    lines = draw(found, 80).plain.splitlines()
    (rule,) = [line for line in lines[1 : HEIGHT + 1] if "╌" in line]
    assert rule.endswith("╌ 2×")
    assert "╌ larger dense models" in lines[-2]
    assert "4×" not in draw(found, 80).plain, "so far off that it would flatten the rest: the table has it"
    text = shown(best_table(found), 80)
    assert "╌ Dense 2×" in text
    assert "╌ Dense 4×" in text
    older = {name: value for name, value in found.items() if name != "ladder"}
    assert "╌" not in draw(older, 80).plain + shown(best_table(older), 80)
