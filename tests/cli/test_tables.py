"""The dry run's table: what was asked, what was solved, and what was moved or refused on the way."""

from io import StringIO
from typing import Any

from service.examples import DRY_RUN
from sparseift.cli.options import console
from sparseift.cli.tables import plan_notes, plan_table, trial_table


def shown(**changes: Any) -> str:
    plan = DRY_RUN["plan"]
    point = {**plan["points"][0], **changes}
    screen = StringIO()
    console(file=screen, width=200).print(plan_table({**plan, "points": [point]}))
    return screen.getvalue()


def test_the_nominal_sparsity_is_called_so() -> None:
    assert "nominal" in shown()
    assert "asked" not in shown()


def test_a_feasible_point_says_what_was_moved() -> None:
    told = shown(scale="k = 3 branches", reason="Stands for 0.6 too, which [k = 3] gives the same size.")
    assert "k = 3 branches. Stands for 0.6 too, which [k = 3] gives the same size." in told
    assert "refused" not in told


def test_a_refused_point_says_why() -> None:
    told = shown(feasible=False, reason="No [bold] width meets it.")
    assert "refused" in told
    assert "No [bold] width meets it." in told


def test_each_point_says_what_it_takes_to_train() -> None:
    assert "7.18 GB" in shown(training_memory_bytes=7_180_000_000)
    untold = [
        {name: value for name, value in point.items() if name != "training_memory_bytes"}
        for point in (DRY_RUN["plan"]["dense"], DRY_RUN["plan"]["points"][0])
    ]
    screen = StringIO()
    console(file=screen, width=200).print(plan_table({**DRY_RUN["plan"], "dense": untold[0], "points": untold[1:]}))
    assert "memory" not in screen.getvalue(), "a service of before says nothing of it"


def test_a_plan_says_what_it_takes() -> None:
    trials, cost, time = plan_notes(DRY_RUN)
    assert trials.startswith("30 trials: 3 dense, 24 in the search, 3 confirmations; nothing was stored.")
    assert "up to 3.7 times as many; about 5.24 MB for the largest trial." in cost
    assert "3.74" in shown(), "of dense's, as executed"
    assert time.startswith("About 2 min 14 s on one slot, one trial up to 5 s: by the speed of 33 earlier trials of")
    unmeasured = {"basis": "none", "measured_trials": 0, "dense_s": None, "points_s": [None], "total_s": None}
    assert "unknown" in plan_notes({**DRY_RUN, "device_time": unmeasured})[-1]


LADDER: dict[str, Any] = {
    "number": 9, "kind": "ladder", "family": "dense", "sparsity": 0.0, "state": "complete", "value": 91.0,
    "flop_ratio": 2.0004, "training_seconds": 5.0, "message": "", "scale": "width 90",
    "configuration": {"family": "dense", "flop_multiple": 2.0},
}  # fmt: skip


def test_a_rung_of_the_ladder_says_how_much_larger_it_is() -> None:
    screen = StringIO()
    dense = {**LADDER, "number": 1, "kind": "baseline", "configuration": {"family": "dense"}, "flop_ratio": 1.0}
    console(file=screen, width=200).print(trial_table([LADDER, dense], "%"))
    rung, baseline = (line for line in screen.getvalue().splitlines() if "Dense" in line)
    assert "Dense ×2" in rung
    assert "0 %" not in rung
    assert "×" not in baseline
    assert "FLOPs/sample" in screen.getvalue(), "what a pruned trial has spent is another number"


def test_a_rung_of_the_plan_says_so_too() -> None:
    plan = DRY_RUN["plan"]
    rung = {**plan["dense"], "flop_ratio": 1.41418}
    screen = StringIO()
    console(file=screen, width=200).print(plan_table({**plan, "points": [], "ladder": [rung]}))
    assert "Dense ×1.41" in screen.getvalue()
