"""What is said of a job's state, and of what was planned."""

from typing import Any

import pytest

from sparseift.cli.jobs import answer_text, planned_text, state_text

JOB: dict[str, Any] = {
    "state": "running", "reason": "", "message": "", "search_closed": "", "headline": "Wide is best.",
    "planned_trials": {"total": 16, "infeasible_points": 1},
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "16 planned, points refused as infeasible: 1"),
        ({"planned_trials": {"total": 16, "infeasible_points": 0}}, "16 planned"),
        ({"state": "succeeded"}, "16 were planned, points refused as infeasible: 1"),
        (
            {"state": "succeeded", "search_closed": "stopped"},
            "16 were planned before the search was ended (stopped), points refused as infeasible: 1",
        ),
        (
            {"state": "running", "search_closed": "device_hours"},
            "16 were planned before the search was ended (device hours), points refused as infeasible: 1",
        ),
    ],
)
def test_what_was_planned_is_past_once_the_search_is(changes: dict[str, Any], expected: str) -> None:
    assert planned_text({**JOB, **changes}) == expected


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [("cancelled", "A user asked.", "A user asked."), ("failure_budget", "", "failure budget"), ("", "", "")],
)
def test_a_state_has_its_reason_where_it_has_no_message(reason: str, message: str, expected: str) -> None:
    assert state_text({**JOB, "state": "failed", "reason": reason, "message": message}).plain.endswith(expected)


def test_an_answer_is_so_far_until_the_job_has_ended() -> None:
    assert answer_text(JOB) == "So far   Wide is best."
    for state in ("succeeded", "failed", "cancelled"):
        assert answer_text({**JOB, "state": state}) == "Result   Wide is best."
