"""One trial, shown."""

from io import StringIO
from typing import Any

from sparseift.cli.options import console
from sparseift.cli.trial import attempt_table, report_table, trial_lines

TRIAL: dict[str, Any] = {
    "number": 4, "kind": "confirm", "family": "sparse_wide", "sparsity": 0.7501, "state": "complete", "message": "",
    "configuration": {"schedule": {"method": "rigl", "delta_t_steps": 100}}, "scale": "k = 2.000, width 512",
    "parameters": 285_194, "nonzero_parameters": 76_000, "forward_flops_per_sample": 151_000,
    "executed_flops_per_sample": 567_000, "flop_ratio": 0.9999, "value": 91.25, "test_value": 90.5,
    "training_seconds": 75.0, "seed": 7, "configuration_key": "abc", "checkpoint": {"step": 400, "path": "a/b"},
}  # fmt: skip


def shown(renderable: object) -> str:
    screen = StringIO()
    console(file=screen, width=160).print(renderable)
    return screen.getvalue()


def test_a_trial_says_what_it_is_and_what_came_of_it() -> None:
    told = "\n".join(trial_lines(TRIAL, "%"))
    assert told.startswith("Trial 4 (confirm): Wide at 75 %, complete.\nMasks    method rigl, delta_t_steps 100\n")
    for words in (
        "285 k stored, 76 k of them",
        "0.99990 of dense's",
        "91.25 % on validation, test 90.50 %",
        "1 min 15",
    ):
        assert words in told


def test_what_is_not_known_yet_is_left_out() -> None:
    empty = {name: None for name in TRIAL if name not in ("number", "kind", "family", "sparsity", "seed")}
    waiting = {**TRIAL, **empty, "state": "waiting", "message": "", "configuration": {}, "scale": ""}
    assert len(list(trial_lines(waiting, "%"))) == 2


def test_attempts_say_where_and_why() -> None:
    lost = {
        "number": 1, "state": "lost", "slot": "desk/cpu:0", "started_at": "2026-05-01T10:00:00Z",
        "ended_at": "2026-05-01T10:01:05Z", "failure_class": "infrastructure", "message": "It [died].",
    }  # fmt: skip
    told = shown(attempt_table([lost, {**lost, "number": 2, "state": "running", "ended_at": None}]))
    assert "1 min 05 s" in told
    assert "infrastructure: It [died]." in told


def test_a_long_course_is_thinned_and_keeps_its_end() -> None:
    def report(step: int) -> dict[str, Any]:
        return {"step": step, "total_steps": 100, "train_loss": 1.5, "value": None, "sparsity": 0.75, "churn": None} | {
            "itop": 0.8, "seconds": float(step)
        }  # fmt: skip

    told = shown(report_table([report(step) for step in range(1, 101)], "%"))
    assert told.count(" of 100") <= 14
    assert "100 of 100" in told
    assert "80 %" in told


def test_a_rung_of_the_ladder_says_how_much_larger_it_is() -> None:
    rung = {**TRIAL, "kind": "ladder", "family": "dense", "configuration": {"flop_multiple": 1.414214}}
    assert next(iter(trial_lines(rung, "%"))) == "Trial 4 (ladder): Dense ×1.41, complete."


def test_a_pruned_trial_does_not_seem_to_have_spent_its_whole_training() -> None:
    pruned = {**TRIAL, "state": "pruned", "value": None, "training_seconds": None}
    (told,) = (line for line in trial_lines(pruned, "%") if line.startswith("FLOPs"))
    assert told.endswith("0.99990 of dense's; its training was stopped before it had spent them all")
    reports = [{"step": 200, "total_steps": 400, "training_flops": 5e9}]
    (told,) = (line for line in trial_lines({**pruned, "reports": reports}, "%") if line.startswith("FLOPs"))
    assert told.endswith("of dense's; its training was stopped at 5 GFLOP, step 200 of 400")
