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


def event(kind: str, second: int, trial: int, **payload: object) -> dict[str, object]:
    return {"kind": kind, "at": f"2026-01-01T00:00:{second:02d}Z", "payload": {"trial": trial, **payload}}


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


def test_stretches_begin_and_end_by_events() -> None:
    events = [
        event("attempt.started", 0, 1, attempt=1, slot="a"),
        event("attempt.lost", 5, 1, attempt=1),
        event("attempt.started", 6, 1, attempt=2, slot="b"),
        event("trial.complete", 9, 1, attempt=2),
        event("attempt.started", 9, 2, attempt=1, slot="a"),
        event("job.paused", 10, 2),
    ]
    rows = progress.stretches(events, TRIALS)
    assert [(r["slot"], r["state"], None if r["ended"] is None else r["ended"] - r["began"]) for r in rows] == [
        ("a", "lost", 5.0),
        ("b", "complete", 3.0),
        ("a", "complete", None),  # the trial has ended, though no event said so
    ]
    table = progress.timeline_table(rows)
    assert (table[0]["Slot"], table[0]["Attempts"], table[0]["In use"]) == ("a", "2", "5 seconds")


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
