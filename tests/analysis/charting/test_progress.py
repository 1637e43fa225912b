import pytest

from analysis.charting import progress
from analysis.charting.frame import Canvas
from sparseift.records import Metric

ACCURACY = Metric("accuracy", "%", "maximize")
LOSS = Metric("bits_per_byte", "bits/byte", "minimize")


def trial(number: int, value: float | None, state: str = "complete", **more: object) -> dict[str, object]:
    """One row of the export, search on Sparse Wide unless told otherwise."""
    return {
        "number": number, "family": "sparse_wide", "kind": "search", "sparsity": 0.75, "state": state, "value": value,
        "ended_at_s": float(number), **more,
    }  # fmt: skip


def attempt(slot: str, trial: int, began: float, ended: float | None, state: str = "complete") -> dict[str, object]:
    return {"slot": slot, "trial": trial, "attempt": 1, "family": "sparse_wide", "state": state, "began": AT_0 + began,
            "ended": None if ended is None else AT_0 + ended}  # fmt: skip


AT_0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z
TRIALS = [
    trial(0, 90.0, kind="baseline", family="dense"),
    trial(1, 91.0, ended_at_s=30.0),
    trial(2, 92.0, ended_at_s=10.0),  # ended first
    trial(3, 91.5, ended_at_s=40.0),
    trial(4, None, "failed"),
    trial(5, 99.0, kind="confirm"),
    trial(6, 93.0, ended_at_s=50.0),
]


def test_the_best_so_far_is_of_search_trials_in_the_order_of_their_ends() -> None:
    rows = progress.so_far(TRIALS, ACCURACY)
    assert [(r["number"], r["best"], r["gap"]) for r in rows] == [
        (2, 92.0, 1.0), (1, 92.0, 1.0), (3, 92.0, 1.0), (6, 93.0, 0.0),
    ]  # fmt: skip
    assert [r["best"] for r in progress.so_far(TRIALS, LOSS)] == [92.0, 91.0, 91.0, 91.0]
    assert [r["Trial"] for r in progress.so_far_table(TRIALS, ACCURACY)] == ["2", "6"]


def test_trials_are_counted_by_family_and_state() -> None:
    dense, wide = progress.by_family(TRIALS)
    assert (dense["family"], dense["complete"]) == ("dense", 1)
    assert (wide["complete"], wide["failed"], wide["running"]) == (5, 1, 0)
    assert progress.family_table(TRIALS)[1] == {"Family": "Sparse Wide", "Complete": "5", "Failed": "1", "All": "6"}


def test_what_runs_is_drawn_and_counted_until_now() -> None:
    rows = [attempt("a", 1, 0, 10), attempt("a", 4, 10, None, "running")]
    assert progress.runs_on(rows)
    (used,) = progress.timeline_table(rows, AT_0 + 40)
    assert (used["Attempts"], used["In use"], used["State"]) == ("2", "40 seconds", "1 complete, 1 running")
    spec = progress.timeline(rows, Canvas(), AT_0 + 40).to_dict()
    drawn = [r for r in next(iter(spec["datasets"].values())) if "took" in r]
    assert [(r["x"], r["x2"], r["took"]) for r in drawn] == [(0, 10, "10 seconds"), (10, 40, "30 seconds")]
    assert drawn[1]["opacity"] < drawn[0]["opacity"], "what runs is paler"
    assert "over 40 seconds" in spec["description"]
    assert progress.timeline_table([], AT_0) == []
    (long,) = progress.timeline_table(rows, AT_0 + 5 * 86400)
    assert long["In use"] == "5 days"


def test_an_end_that_nobody_told_of_lies_before_the_slots_next_attempt() -> None:
    rows = [
        attempt("a", 1, 0, None, "cancelled"), attempt("b", 2, 5, 30), attempt("a", 3, 20, 29),
        attempt("a", 4, 29, None, "running"),
    ]  # fmt: skip
    found = progress.until(rows, AT_0 + 50)
    assert {r["trial"]: r["until"] - AT_0 for r in found} == {1: 20, 2: 30, 3: 29, 4: 50}
    assert {r["trial"]: r["until"] - AT_0 for r in progress.until(rows)} == {1: 20, 2: 30, 3: 29, 4: 30}
    assert not progress.runs_on(rows[1:3])


def test_files_hold_every_attempt() -> None:
    rows = [attempt("b", 2, 5, 30), attempt("a", 1, 0, 10)]
    found = progress.timeline_rows(rows)
    assert [(r["slot"], r["trial"], r["began"], r["ended"]) for r in found] == [
        ("a", 1, AT_0, AT_0 + 10), ("b", 2, AT_0 + 5, AT_0 + 30),
    ]  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_charts_say_what_they_show_and_link_to_trials(theme: str) -> None:
    canvas = Canvas(theme)  # type: ignore[arg-type]
    best = progress.best_so_far(TRIALS, ACCURACY, canvas, link=lambda n: f"/trial/?trial={n}").to_dict()
    assert "93.00 after 4 complete trials" in best["description"]
    assert "/trial/?trial=6" in str(best)
    bars = progress.family_bars(TRIALS, canvas).to_dict()
    assert "Sparse Wide 5 complete, 1 failed" in bars["description"]


def test_charts_of_nothing_say_what_will_come() -> None:
    assert "first complete trial" in progress.best_so_far([], ACCURACY, Canvas()).to_dict()["description"]
    assert "first trial" in progress.family_bars([], Canvas()).to_dict()["description"]
    assert "slots take them" in progress.timeline([], Canvas()).to_dict()["description"]
