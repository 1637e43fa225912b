"""Mask schedules side by side: tables of whole groups, pictures of all panels."""

from typing import Any

import pytest

from analysis.charting import files, panels
from analysis.charting.frame import Canvas
from analysis.charting.panels import Panel
from sparseift.records import Metric

ACCURACY = Metric("accuracy", "%", "maximize")
LOSS = Metric("bits_per_byte", "bits/byte", "minimize")
STEPS = 1000


def trial(number: int, value: float, delta: int | None = 100, end: float = 0.5) -> dict[str, Any]:
    return {
        "number": number, "family": "sparse_wide", "sparsity": 0.75, "value": value, "method": "rigl",
        "delta_t_steps": delta, "t_end_fraction": end,
    }  # fmt: skip


def course(value: float) -> dict[str, Any]:
    return {
        "value": [(100, value - 20), (500, value - 1), (1000, value)], "churn": [(100, 0.3), (500, 0.1)],
        "itop": [(500, 0.4), (1000, 0.6)], "total_steps": STEPS,
    }  # fmt: skip


def panel(values: tuple[float, ...], metric: Metric = ACCURACY, title: str = "ΔT 100 steps") -> Panel:
    group = [trial(i, v) for i, v in enumerate(values)]
    drawn = panels.best_of(group, metric, 2)
    return Panel(title, tuple(group), tuple(drawn), tuple(course(t["value"]) for t in drawn), STEPS)


def test_the_table_is_of_the_whole_group_though_the_best_are_drawn() -> None:
    one = panel((70.0, 74.0, 72.0, 68.0))
    assert [t["value"] for t in one.trials] == [74.0, 72.0]
    (row,) = panels.panel_table([one], "%")
    assert (row["Trials"], row["Drawn"]) == ("4", "2")
    assert row["Mean (%)"] == "71.00", "of all four: the best two alone have 73"
    assert row["Range"] == "68.00 to 74.00"
    assert (row["Mask updates"], row["Churn, drawn"], row["ITOP at the end, drawn"]) == ("5", "0.200", "0.600")


def test_the_best_of_a_loss_is_its_least() -> None:
    one = panel((2.1, 2.3, 2.2), LOSS)
    assert [t["value"] for t in one.trials] == [2.1, 2.2]
    spec = panels.panel_chart(one, "value", (2.0, 2.4), LOSS, Canvas()).to_dict()
    assert spec["description"] == "ΔT 100 steps: 3 trials, mean 2.200, best 2.100 bits/byte."
    spec = panels.panel_chart(one, "value", (2.0, 2.4), ACCURACY, Canvas()).to_dict()
    assert "best 2.30 %." in spec["description"]


def test_ticks_are_of_every_drawn_trial_and_paler_where_few_update() -> None:
    mixed = (trial(0, 70.0, 100, 0.3), trial(1, 71.0, 200, 0.4))
    one = Panel("RigL", mixed, mixed, (course(70.0), course(71.0)), STEPS)
    assert panels.rug(one) == [
        {"x": 100, "share": 0.5}, {"x": 200, "share": 1.0}, {"x": 300, "share": 0.5}, {"x": 400, "share": 0.5},
    ]  # fmt: skip
    (row,) = panels.panel_table([one], "%")
    assert row["Mask updates"] == "2 to 3"
    assert "Paler ticks" in panels.caption([one], "value")
    static = (trial(0, 70.0, None),)
    still = Panel("static", static, static, (course(70.0),), STEPS)
    assert panels.rug(still) == []
    assert "Ticks" not in panels.caption([still], "value")


def test_the_caption_says_what_is_cut_and_what_is_drawn() -> None:
    words = panels.caption([panel((70.0, 74.0, 72.0))], "value")
    assert "At most 2 trials are drawn in each panel, the best ones; the table is of all." in words
    assert "Early values that lie outside the axis are cut." in words
    assert "Early" not in panels.caption([panel((70.0, 74.0, 72.0))], "itop")
    assert "At most" not in panels.caption([panel((70.0, 74.0))], "value")


@pytest.mark.parametrize(("width", "columns"), [(1000, 3), (600, 2), (390, 1)])
def test_a_picture_holds_every_panel(width: int, columns: int) -> None:
    found = [panel((70.0 + i, 74.0, 72.0), title=f"ΔT {i}00 steps") for i in range(1, 5)]
    chart = panels.picture(found, "value", ACCURACY, Canvas("light", width))
    spec = chart.to_dict()
    grid = spec["vconcat"][1]
    assert (len(grid["concat"]), grid["columns"]) == (4, columns)
    svg = files.svg(chart).decode()
    assert all(f"ΔT {i}00 steps" in svg for i in range(1, 5))
    assert ">Wide<" in svg, "what colours mean"
    assert width - 90 <= float(svg.split('width="')[1].split('"')[0]) <= width + 8
