"""The search as a pure function: a hand-computed job first, then what may not matter and what must."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import DENSE, Budget, Configuration, JobSpec, Plan, Space, derive_seed
from tests.worker.fakes import FAMILIES, make_plan, make_spec, measure
from worker.search import Done, Proposal, Row, Wait, confirm_seeds, decide

Outcome = Callable[[Row], Row]


def complete(row: Row) -> Row:
    return replace(row, state="complete", value=measure(row.configuration, row.seed))


def simulate(
    spec: JobSpec, plan: Plan, *, slots: int = 2, order: int = 0, outcome: Outcome = complete, limit: int = 200
) -> list[Row]:
    """Every trial of a job whose running trials end in an order that `order` seeds."""
    rows: list[Row] = []
    dice = random.Random(order)
    for _ in range(limit):
        running = [r for r in rows if not r.ended]
        decision = decide(spec, plan, rows) if len(running) < slots else Wait()
        match decision:
            case Proposal() as p:
                state, reason = ("waiting", "") if p.point.feasible else ("infeasible", "infeasible")
                assert p.number == len(rows)
                rows.append(Row(p.number, p.kind, p.configuration, p.seed, state, reason, None))
            case Wait():
                ending = dice.choice(running)
                rows[ending.number] = outcome(ending)
            case Done():
                return rows
    pytest.fail("the search did not end")


def identities(rows: list[Row]) -> list[tuple[int, str, str, int]]:
    return [(r.number, r.kind, r.configuration.key, r.seed) for r in rows]


def test_a_job_by_hand() -> None:
    spec, plan = make_spec(), make_plan()
    rows = simulate(spec, plan)
    seeds = confirm_seeds(spec)
    assert [r.kind for r in rows] == ["search"] * 2 + ["baseline"] * 2 + ["search"] * 6 + ["confirm"] * 4
    assert [r.configuration.family for r in rows] == [*FAMILIES, DENSE, DENSE, *FAMILIES * 3, *FAMILIES * 2]
    assert [r.state for r in rows] == ["infeasible"] * 2 + ["complete"] * 12
    assert [r.seed for r in rows[2:4]] == list(seeds)
    assert [r.seed for r in rows[10:]] == [seeds[0], seeds[0], seeds[1], seeds[1]]  # paired with the baseline
    assert len(set(seeds)) == 2
    repeats: dict[str, int] = {}
    for row in rows[4:10]:
        repeat = repeats.get(row.configuration.key, 0)
        assert row.seed == derive_seed(spec.seed, "search", repeat)
        assert row.seed not in seeds
        repeats[row.configuration.key] = repeat + 1
    for family, final in zip(FAMILIES, rows[10:12], strict=True):
        assert final.configuration in [r.configuration for r in rows[4:10] if r.configuration.family == family]


def test_in_flight_bounds_what_is_unanswered_and_what_is_seen() -> None:
    spec, plan = make_spec(in_flight=2), make_plan()
    rows = simulate(spec, plan)
    running = replace(rows[5], state="running", value=None)
    assert isinstance(decide(spec, plan, [*rows[:4], replace(rows[4], state="running"), running]), Wait)
    proposed = decide(spec, plan, [*rows[:5], running])
    assert isinstance(proposed, Proposal)
    assert proposed.configuration == rows[6].configuration
    # the result of trial 5 is there already, but a slower worker could not have seen it: it may not matter
    lucky = replace(rows[5], value=1e6)
    assert decide(spec, plan, [*rows[:5], lucky]) == proposed


@pytest.mark.parametrize("in_flight", [1, 2, 4])
def test_trials_do_not_depend_on_which_ends_first_or_on_the_number_of_slots(in_flight: int) -> None:
    spec = make_spec(in_flight=in_flight, budget=Budget(16, 2))
    plan = make_plan()
    expected = identities(simulate(spec, plan, slots=in_flight))
    for order, slots in ((1, 1), (2, 2), (3, 4)):
        assert identities(simulate(spec, plan, slots=slots, order=order)) == expected


def test_jobs_differ_by_their_seed() -> None:
    plan = make_plan()
    assert identities(simulate(make_spec(seed=1), plan)) != identities(simulate(make_spec(seed=2), plan))


def test_a_repeated_configuration_becomes_another_seed() -> None:
    spec = make_spec(
        families=("sparse_parallel",), space=Space(sparsities=(0.5, 0.75), methods=("static",)), budget=Budget(7, 1)
    )
    plan = make_plan(families=("sparse_wide", "sparse_parallel"))
    searched = [r for r in simulate(spec, plan) if r.kind == "search" and r.state == "complete"]
    assert len(searched) == 7
    assert len({r.configuration.key for r in searched}) == 2
    assert len({(r.configuration.key, r.seed) for r in searched}) == 7


def test_failures_of_a_trial_are_told_and_losses_of_the_infrastructure_are_not() -> None:
    spec, plan = make_spec(budget=Budget(12, 0), in_flight=1), make_plan()

    def failing(reason: str) -> Outcome:
        def outcome(row: Row) -> Row:
            if row.kind == "search" and row.number == 5:
                return replace(row, state="failed", reason=reason)
            return complete(row)

        return outcome

    lost = simulate(spec, plan, outcome=failing("infrastructure"))
    diverged = simulate(spec, plan, outcome=failing("diverged"))
    assert sum(r.kind == "search" for r in diverged) == 2 + 12
    assert sum(r.kind == "search" for r in lost) == 2 + 12 + 1  # costs no budget
    assert [r.kind for r in diverged].count("confirm") == 0


def test_a_broken_machine_does_not_keep_a_job_for_ever() -> None:
    spec = make_spec(budget=Budget(3, 1))

    def lose(row: Row) -> Row:
        return replace(row, state="failed", reason="infrastructure")

    rows = simulate(spec, make_plan(), outcome=lose)
    assert sum(r.kind == "search" for r in rows) == 2 + 3 + 3


def test_without_confirmations_the_baseline_still_runs_once() -> None:
    rows = simulate(make_spec(budget=Budget(2, 0)), make_plan())
    assert [r.kind for r in rows] == ["search", "search", "baseline", "search", "search"]


def test_a_job_without_any_feasible_point_trains_the_baseline_alone() -> None:
    plan = make_plan()
    plan = replace(plan, points=tuple(p for p in plan.points if not p.feasible))
    assert [r.kind for r in simulate(make_spec(), plan)] == ["search"] * 2 + ["baseline"] * 2


def test_the_ladder_comes_last_on_the_baseline_s_seeds() -> None:
    spec = make_spec(budget=Budget(2, 2), ladder=(1.5, 2.0))
    rungs = tuple(replace(make_plan().dense, flop_ratio=ratio) for ratio in (1.49, 2.02))
    plan = replace(make_plan(), ladder=rungs)
    rows = simulate(spec, plan)
    ladder = [r for r in rows if r.kind == "ladder"]
    assert rows[-4:] == ladder
    assert [r.configuration.flop_multiple for r in ladder] == [1.5, 2.0, 1.5, 2.0]
    assert [r.seed for r in ladder] == [s for s in confirm_seeds(spec) for _ in rungs]
    proposed = decide(spec, plan, rows[:-1])
    assert isinstance(proposed, Proposal)
    assert proposed.point == rungs[1]
    assert identities(simulate(replace(spec, ladder=()), make_plan())) == identities(rows[:-4])


def test_starting_points_are_proposed_first_and_trained_anew() -> None:
    spec, plan = make_spec(in_flight=1), make_plan()
    start = Configuration("sparse_parallel", 0.5, MaskSchedule("rigl", 71, 0.3, t_end_fraction=0.5))
    rows: list[Row] = []
    while isinstance(proposal := decide(spec, plan, rows, {"sparse_parallel": (start,)}), Proposal):
        row = Row(proposal.number, proposal.kind, proposal.configuration, proposal.seed, "complete", "", 1.0)
        rows.append(row if proposal.point.feasible else replace(row, state="infeasible", value=None))
    searched = [r for r in rows if r.kind == "search" and r.state == "complete"]
    assert [r.configuration == start for r in searched][:3] == [False, True, False]
    assert searched[1].seed == derive_seed(spec.seed, "search", 0)


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_search_goes_where_the_metric_is_better(direction: str) -> None:
    sign = 1.0 if direction == "maximize" else -1.0

    def outcome(row: Row) -> Row:
        return replace(row, state="complete", value=sign * measure(row.configuration, row.seed))

    spec = make_spec(budget=Budget(40, 1), space=Space(methods=("static",)))
    rows = simulate(spec, make_plan(direction), outcome=outcome)
    late = [r.configuration.nominal_sparsity for r in rows if r.kind == "search"][-20:]
    wide = [s for s, r in zip(late, rows[-22:-2], strict=True) if r.configuration.family == "sparse_wide"]
    assert wide.count(0.75) == max(wide.count(s) for s in set(wide)) > len(wide) / len(make_plan().grid("sparse_wide"))
    final = next(r for r in rows if r.kind == "confirm" and r.configuration.family == "sparse_wide")
    assert final.configuration.nominal_sparsity == 0.75


@pytest.mark.parametrize("kind", ["baseline", "confirm"])
def test_final_runs_that_the_infrastructure_lost_are_replaced_once(kind: str) -> None:
    spec, plan = make_spec(), make_plan()
    planned = simulate(spec, plan)
    victim = next(r for r in planned if r.kind == kind)

    def lose(row: Row, times: int) -> Row:
        is_it = (row.kind, row.configuration, row.seed) == (kind, victim.configuration, victim.seed)
        tried.append(row.number) if is_it else None
        return replace(row, state="failed", reason="infrastructure") if is_it and len(tried) <= times else complete(row)

    for times, states in ((1, ["failed", "complete"]), (5, ["failed", "failed"])):
        tried: list[int] = []
        rows = simulate(spec, plan, outcome=lambda row, times=times: lose(row, times))  # type: ignore[misc]
        assert len(rows) == len(planned) + 1
        assert [rows[number].state for number in tried] == states
        others = {(r.kind, r.configuration.key, r.seed) for r in rows}
        assert others == {(r.kind, r.configuration.key, r.seed) for r in planned}
