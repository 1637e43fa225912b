"""Limits of a budget, by hand."""

from dataclasses import replace

import pytest

from sparseift.records import Budget, JobSpec
from store.spending import Spent
from tests.worker.fakes import make_plan, make_spec
from tests.worker.test_search import complete, simulate
from worker.closing import closed, ending, is_without_answer, reserve, spent_limit
from worker.giving_up import failures_allowed, reason_to_give_up
from worker.search import Done, Proposal, Row, Wait, decide

NOTHING = Spent(0.0, 0.0, 0.0)


def test_what_must_follow_is_kept_back() -> None:
    spec, plan = make_spec(budget=Budget(6, 2)), make_plan()  # two families: 2 dense + 4 confirmations
    assert reserve(spec, plan, [], [], 0) == Spent(0.0, 0.0, 6e6)
    rows = simulate(spec, plan)[:4]  # two refused points, two baselines
    assert reserve(spec, plan, rows, [60.0, 90.0, 3600.0], 3) == Spent(180.0, 4 * 90.0 / 3600.0, 4e6)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, None),
        ({"training_flops": 10.1}, None),
        ({"training_flops": 10.0}, "training_flops"),
        ({"device_hours": 5.0, "training_flops": 10.0}, "device_hours"),
        ({"wall_time_s": 3.0, "device_hours": 5.0}, "wall_time_s"),
    ],
)
def test_the_first_limit_that_is_reached(limits: dict[str, float], expected: str | None) -> None:
    found = spent_limit(Budget(**limits), Spent(2.0, 4.0, 7.0), Spent(1.0, 1.0, 3.0))  # type: ignore[arg-type]
    assert (found[0] if found else None) == expected
    if expected == "training_flops":
        assert found is not None
        assert found[1] == "7 of 10 training FLOPs are used, and 3 are kept for the confirmations: the search is over."


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_closed_search_goes_on_with_its_confirmations(lost: int) -> None:
    spec, plan = make_spec(budget=Budget(20, 2)), make_plan()
    rows = simulate(spec, plan)[:9]  # five of the search have been proposed
    rows = [
        replace(r, state="failed", reason="infrastructure", value=None) if r.number in range(4, 4 + lost) else r
        for r in rows
    ]
    running = [*rows[:8], replace(rows[8], state="running", value=None)]
    assert isinstance(decide(closed(spec, running), plan, running), Wait)
    kinds = []
    while isinstance(decision := decide(closed(spec, rows), plan, rows), Proposal):
        kinds.append(decision.kind)
        row = Row(len(rows), decision.kind, decision.configuration, decision.seed, "running", "", None)
        rows.append(complete(row))
    assert isinstance(decision, Done)
    assert set(kinds) == {"confirm"}
    assert len(kinds) == 4


def test_a_search_without_a_result_has_nothing_to_confirm() -> None:
    rows = simulate(make_spec(), make_plan())[:6]
    assert not is_without_answer(rows)
    assert is_without_answer(rows[:4])
    assert is_without_answer([*rows[:4], replace(rows[4], state="cancelled", value=None)])
    assert not is_without_answer([*rows[:4], replace(rows[4], state="running", value=None)])


def test_how_a_job_ends_is_said() -> None:
    rows = simulate(make_spec(), make_plan())[:3]
    spec: JobSpec = make_spec(budget=Budget(device_hours=1.5))
    assert ending(spec, "", rows) == ("finished", "1 trial was completed.")
    assert ending(spec, "stopped", rows) == ("stopped", "A user stopped it; 1 trial was completed.")
    assert ending(spec, "device_hours", [])[1] == (
        "Its budget of 1.5 device-hours ended the search; 0 trials were completed."
    )


def test_failures_that_are_allowed() -> None:
    spec = make_spec(budget=Budget(6, 1, failures_allowed=1))
    rows = simulate(spec, make_plan())
    messages = [f"message {row.number}" for row in rows]

    def failing(reason: str, *numbers: int) -> list[Row]:
        return [replace(r, state="failed", reason=reason) if r.number in numbers else r for r in rows]

    assert failures_allowed(Budget(7)) == 3
    for reason in ("user", "out_of_memory", "timeout"):
        assert reason_to_give_up(spec, failing(reason, 4), messages) is None
        assert reason_to_give_up(spec, failing(reason, 4, 5), messages) == (
            "failure_budget",
            "2 search trials failed, and 1 may; the last one: message 5",
        )
    for reason in ("diverged", "infrastructure"):
        assert reason_to_give_up(spec, failing(reason, 4, 5, 6), messages) is None
