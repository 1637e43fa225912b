"""Limits of a budget, by hand."""

from dataclasses import replace

import pytest

from sparseift.records import DENSE, Budget, JobSpec
from store.spending import Spent
from tests.worker.fakes import make_plan, make_spec, point
from tests.worker.test_search import complete, simulate
from worker.closing import closed, ending, has_proposed_all, is_without_answer, reserve, spent_limit
from worker.giving_up import failures_allowed, reason_to_give_up
from worker.search import Done, Proposal, Row, Wait, decide

NOTHING = Spent(0.0, 0.0, 0.0)


def test_what_must_follow_is_kept_back() -> None:
    spec, plan = make_spec(budget=Budget(6, 2)), make_plan()  # two families: 2 dense + 4 confirmations
    assert reserve(spec, plan, [], [], 0) == Spent(0.0, 0.0, 6e6)
    rows = simulate(spec, plan)[:4]  # two refused points, two baselines
    assert reserve(spec, plan, rows, [60.0, 90.0, 3600.0], 3) == Spent(180.0, 4 * 90.0 / 3600.0, 4e6)
    assert reserve(spec, plan, rows, [90.0], 3, share=0.25) == Spent(180.0, 90.0 / 3600.0, 4e6), "four on one GPU"


def test_what_is_there_of_the_ladder_is_not_kept_back() -> None:
    spec = make_spec(budget=Budget(6, 1), ladder=(2.0, 4.0))
    plan = replace(make_plan(), ladder=(point(DENSE, 0.0), point(DENSE, 0.0)))
    rows = simulate(spec, plan)
    assert [row.kind for row in rows[-2:]] == ["ladder", "ladder"]
    left = [reserve(spec, plan, rows[:n], [10.0], 1) for n in (len(rows) - 2, len(rows) - 1, len(rows))]
    assert [kept.training_flops for kept in left] == [6e6, 4e6, 0.0]
    assert left[-1] == NOTHING
    running = [*rows[:-1], replace(rows[-1], state="running", value=None)]
    assert reserve(spec, plan, running, [10.0], 1).training_flops == 4e6


def test_confirmations_of_those_that_win_no_more_are_not_those_that_are_to_come() -> None:
    """An extension after which another configuration of the first family wins: two trainings, not none."""
    spec, plan = make_spec(budget=Budget(6, 2)), make_plan()
    rows = simulate(spec, plan)
    assert reserve(spec, plan, rows, [10.0], 1) == NOTHING
    final = next(row for row in rows if row.kind == "confirm")
    new = replace(final.configuration, nominal_sparsity=0.9 if final.configuration.nominal_sparsity != 0.9 else 0.75)
    better = Row(len(rows), "search", new, 5, "complete", "", 1000.0)
    assert reserve(spec, plan, [*rows, better], [10.0], 1).training_flops == 2e6


@pytest.mark.parametrize("reason", ["user", "infrastructure"])
def test_nothing_is_kept_back_for_a_confirmation_that_failed_and_is_not_tried_again(reason: str) -> None:
    spec, plan = make_spec(budget=Budget(6, 2)), make_plan()
    rows = simulate(spec, plan)
    failed = [*rows[:-1], replace(rows[-1], state="failed", reason=reason, value=None)]
    again = 1e6 if reason == "infrastructure" else 0.0
    assert reserve(spec, plan, failed, [], 1).training_flops == again
    assert isinstance(decide(spec, plan, failed), Proposal) == bool(again)


def test_a_search_has_proposed_all_when_nothing_of_it_can_be_closed() -> None:
    spec, plan = make_spec(budget=Budget(6, 2)), make_plan()
    rows = simulate(spec, plan)  # two refused points, two baselines, six of the search, four confirmations
    assert [has_proposed_all(spec, plan, rows[:n]) for n in (0, 4, 9, 10, 14)] == [False, False, False, True, True]
    running = [*rows[:9], replace(rows[9], state="running", value=None)]
    assert has_proposed_all(spec, plan, running)
    assert not has_proposed_all(spec, plan, [*rows[:9], replace(rows[9], state="waiting", value=None)])
    lost = [*rows[:9], replace(rows[9], state="failed", reason="infrastructure", value=None)]
    assert not has_proposed_all(spec, plan, lost), "it is replaced"
    cut = replace(spec, budget=replace(spec.budget, when_spent="stop"))
    assert has_proposed_all(cut, plan, rows[:10])
    assert not has_proposed_all(cut, plan, running), "what runs is to be stopped"


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
