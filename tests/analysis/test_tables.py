import csv
import io

from analysis.curve import Curve
from analysis.statistics import Difference
from analysis.tables import best_table, csv_text, gain_cell, point_table


def test_best_per_family(states: dict[str, Curve]) -> None:
    table = best_table(states["confirmed"])
    assert [row["Family"] for row in table] == [
        "Sparse Wide",
        "Sparse Parallel",
        "Sparse Factorized",
        "Sparse Doped",
        "Dense",
    ]
    assert table[0] == {
        "Family": "Sparse Wide",
        "Best sparsity": "75 %",
        "Validation bits per byte": "2.055 ± 0.013",
        "Test": "2.071 ± 0.013",
        "Against dense (bits/byte)": "+0.039 ± 0.010",
        "Seeds": "3",
        "Status": "confirmed",
        "P(best)": "0.99 (of 6)",
        "Mask schedule": "static",
        "FLOPs × dense": "1.0000",
    }
    assert table[-1]["Validation bits per byte"] == "2.094 ± 0.007"


def test_every_configuration(states: dict[str, Curve]) -> None:
    table = point_table(states["off"])
    assert len(table) == len(states["off"].points) + 1
    assert len({tuple(row) for row in table}) == 1  # the same columns in every row
    excluded = [row for row in table if "not compared" in row["Status"]]
    assert [row["FLOPs × dense"] for row in excluded] == ["1.0200"]
    assert excluded[0]["Against dense (bits/byte)"] == "–"


def test_tables_of_nothing(states: dict[str, Curve]) -> None:
    assert best_table(states["empty"]) == []
    assert point_table(states["empty"]) == []
    assert [row["Family"] for row in best_table(states["dense"])] == ["Dense"]


def test_gains() -> None:
    assert gain_cell(None, "%") == "–"
    assert gain_cell(Difference(1.0, None, None, 1, "none"), "%") == "+1.00 (no interval)"
    assert gain_cell(Difference(1.0, -1.0, 3.0, 3, "blocked"), "%") == "+1.00 ± 2.00, level"
    assert gain_cell(Difference(-1.0, -2.0, 0.0, 3, "blocked"), "%") == "−1.00 ± 1.00, level"
    assert gain_cell(Difference(-1.0, -1.5, -0.5, 3, "blocked"), "%") == "−1.00 ± 0.50"


def test_csv_has_every_number_unrounded(states: dict[str, Curve]) -> None:
    curve = states["confirmed"]
    rows = list(csv.DictReader(io.StringIO(csv_text(curve))))
    assert [float(row["mean"]) for row in rows[:-1]] == [p.mean for p in curve.points]
    assert rows[-1]["family"] == "dense"
    assert rows[-1]["gain_over_dense"] == ""
    assert {row["unit"] for row in rows} == {"bits/byte"}
    singles = [row for row in rows if row["seeds"] == "1"]
    assert {row["low_95"] for row in singles} == {""}


def test_larger_dense_models_are_rows_of_every_table(states: dict[str, Curve]) -> None:
    curve = states["ladder"]
    names = ["Dense", "Dense 1.41×", "Dense 2×", "Dense 4×"]
    for table in (best_table(curve), point_table(curve)):
        assert [row["Family"] for row in table[-4:]] == names
        assert [row["FLOPs × dense"] for row in table[-4:]] == ["1.0000", "1.4100", "2.0000", "4.0000"]
        assert table[-2]["Validation bits per byte"] == "2.048 ± 0.007"
        assert len({tuple(row) for row in table}) == 1
    rows = list(csv.DictReader(io.StringIO(csv_text(curve))))[-3:]
    assert [(row["status"], float(row["mean"]), float(row["flop_ratio"])) for row in rows] == [
        ("ladder", r.mean, r.flop_multiple) for r in curve.ladder
    ]
