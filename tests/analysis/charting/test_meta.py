"""Over jobs, as numbers and as a picture."""

from typing import Any

import pytest

from analysis.charting.frame import Canvas
from analysis.charting.meta import meta_chart, meta_table, points
from sparseift.cli.questions import _sizes


def answer(sizes: list[int], slope: float | None = None) -> dict[str, Any]:
    found = [
        {"job_id": f"job_{i}", "model": "resnet", "dataset": "digits", "family": "sparse_wide", "size": size,
         "parameters": 10, "sparsity": 0.75, "gain": 0.4, "seeds": 3}
        for i, size in enumerate(sizes)
    ]  # fmt: skip
    low, high = (None, None) if slope is None else (slope - 0.5, slope + 0.5)
    trend = {"family": "sparse_wide", "slope": slope, "low": low, "high": high, "intercept": -4.0 if slope else None,
             "jobs": len(sizes), "sizes": len(set(sizes))}  # fmt: skip
    return {"points": found, "trends": [trend] if found else []}


def test_one_job_says_nothing_over_jobs() -> None:
    assert points(answer([1000])) == points(answer([])) == ()
    assert meta_table(answer([1000])) == []


@pytest.mark.parametrize(
    ("slope", "words"),
    [
        (None, "three sizes are needed"),
        (0.2, "not separated from none"),
        (1.0, "are best sparser (95 % interval +0.50"),
    ],
)
def test_the_trend_in_words(slope: float | None, words: str) -> None:
    (row,) = meta_table(answer([10**5, 10**6, 10**7], slope))
    assert (row["Family"], row["Jobs"], row["Sizes"]) == ("Sparse Wide", "3", "3")
    assert words in row["Trend"]


def test_jobs_on_one_line_have_a_trend_without_an_interval() -> None:
    on_one_line = answer([10**5, 10**6, 10**7], 0.5)
    on_one_line["trends"][0] |= {"low": None, "high": None}
    (row,) = meta_table(on_one_line)
    assert row["Trend"] == "on one line, which leaves no spread for an interval"
    assert len(meta_chart(on_one_line, Canvas()).layer) == 3
    told = [line for line in _sizes(on_one_line) if isinstance(line, str)]
    assert told == ["Wide: all 3 jobs lie on one line, which leaves no spread for an interval."]


def test_a_mark_per_answer_and_a_line_where_there_is_a_trend() -> None:
    chart = meta_chart(answer([10**5, 10**6, 10**7], 1.0), Canvas(), lambda job: f"/isoflop/?job={job}")
    line, _, marks = chart.layer
    assert len(marks.data.values) == 3
    assert marks.data.values[0]["href"] == "/isoflop/?job=job_0"
    ends = line.data.values[0], line.data.values[-1]
    assert [round(end["y"]) for end in ends] == [50, 88]  # 1 − 1/2 at 1e5 FLOPs, 1 − 1/8 at 1e7
    assert "3 answers of 3 jobs" in chart.to_dict()["description"]
