"""The layers of a trial, as numbers and as bars."""

from typing import Any

import pytest

from analysis.charting.frame import Canvas
from analysis.charting.layers import MOST, drawn, layer_chart, layer_table


def layer(name: str, weights: int, active: int, uses: int, masked: bool = True) -> dict[str, Any]:
    flops = {"flops": 2 * active * uses, "executed_flops": 2 * weights * uses}
    return {"name": name, "shape": [weights // 10, 10], "weights": weights, "active": active, "masked": masked, **flops}


LAYERS = [layer("stem.weight", 100, 100, 1024, False), layer("block.weight", 4000, 1000, 256)]


def test_a_row_per_layer() -> None:
    stem, block = layer_table(LAYERS)
    assert stem == {
        "Layer": "stem.weight", "Shape": "10 × 10", "Weights": "100", "Active": "100", "Density": "dense",
        "FLOPs per sample": "205 k", "With every weight": "205 k",
    }  # fmt: skip
    assert (block["Active"], block["Density"]) == ("1 k", "25 %")
    assert (block["FLOPs per sample"], block["With every weight"]) == ("512 k", "2.05 M")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_bars_of_the_layers_that_cost_most(theme: Any) -> None:
    chart = layer_chart(LAYERS, "sparse_wide", Canvas(theme))
    assert "2 layers, 1 of them masked, with 25 % to 25 % of their weights." in chart.to_dict()["description"]
    assert [row["x"] for row in chart.layer[1].data.values] == [1.0, 0.25]
    many = [layer(f"l{i}", 10 * (i + 1), 10, 1) for i in range(MOST + 5)]
    assert [x["name"] for x in drawn(many)] == [f"l{i}" for i in range(5, MOST + 5)]


def test_a_dense_trial_has_no_mask() -> None:
    assert "1 layers, 0 of them masked." in layer_chart(LAYERS[:1], "dense", Canvas()).to_dict()["description"]
