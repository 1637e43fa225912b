"""Suggestions as a pure function."""

from typing import Literal

import pytest

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Configuration, Space
from tests.worker.fakes import make_plan
from worker.suggest import LARGEST, Seen, by_improvement, by_tpe, centred, losses, spread, suggest

STATIC = MaskSchedule("static")


def seen(family: str, sparsity: float, value: float | None) -> Seen:
    return Seen(Configuration(family, sparsity, STATIC), "unknown" if value is None else "measured", value)


def test_values_are_centred_within_families_by_hand() -> None:
    rows = [seen("sparse_wide", 0.5, 90.0), seen("sparse_parallel", 0.5, 50.0), seen("sparse_wide", 0.75, 92.0)]
    rows.append(seen("sparse_parallel", 0.5, None))
    assert [r.value for r in centred(rows)] == [-1.0, 0.0, 1.0, None]


@pytest.mark.parametrize("count", [0, 3, 20])
def test_equal_rows_and_seeds_give_equal_suggestions(count: int) -> None:
    space, plan = Space(), make_plan()
    rows: list[Seen] = []
    for i in range(count):
        outcome: Literal["measured", "bad", "unknown"] = ("measured", "bad", "unknown")[i % 3]
        configuration = suggest(space, plan, "sparse_wide", rows, seed=i)
        rows.append(Seen(configuration, outcome, float(i) if outcome == "measured" else None))
    first = [suggest(space, plan, "sparse_parallel", rows, seed=s) for s in range(8)]
    assert first == [suggest(space, plan, "sparse_parallel", rows, seed=s) for s in range(8)]
    assert len(set(first)) > 1
    assert {c.family for c in first} == {"sparse_parallel"}


def test_half_of_a_family_s_proposals_are_spread_by_hand() -> None:
    space, plan = Space(methods=("static",)), make_plan()
    proposed: list[Configuration] = []
    rows: list[Seen] = []
    for turn in range(8):
        configuration = suggest(space, plan, "sparse_wide", rows, seed=turn)
        mine = list(dict.fromkeys(proposed))
        far = spread(space, plan, "sparse_wide", mine, seed=turn)
        near = by_improvement(space, plan, "sparse_wide", rows, seed=turn)
        assert configuration == (far if turn in (0, 1, 2, 4, 6) else near)
        proposed.append(configuration)
        rows += [Seen(configuration, "measured", 100.0 - turn), seen("sparse_parallel", 0.5, 1.0)]
    assert {c.nominal_sparsity for c in proposed[:3]} == {0.5, 0.75, 0.9}


def test_improvement_goes_where_the_metric_is_better() -> None:
    space = Space(methods=("static",))
    values = {0.5: 1.0, 0.75: 3.0, 0.9: 1.0}
    for direction, sign in (("maximize", 1.0), ("minimize", -1.0)):
        rows = [seen("sparse_wide", s, sign * v) for s, v in values.items()] * 6
        chosen = by_improvement(space, make_plan(direction), "sparse_wide", rows, seed=0)
        assert chosen.nominal_sparsity == 0.75


def test_a_family_takes_from_another_what_they_share() -> None:
    space, plan = Space(delta_t_steps=(50, 50), drop_fraction=(0.3, 0.3), t_end_fraction=(0.5, 0.5)), make_plan()

    def run(family: str, sparsity: float, method: str, value: float) -> Seen:
        schedule = MaskSchedule(method, 50, 0.3, t_end_fraction=0.5)
        return Seen(Configuration(family, sparsity, schedule), "measured", value)

    rows = [
        run("sparse_wide", s, m, {"static": 10.0, "set": 11.0, "rigl": 20.0}[m])
        for s in (0.5, 0.75, 0.9)
        for m in space.methods
    ]
    rows.append(run("sparse_parallel", 0.5, "static", 50.0))
    chosen = by_improvement(space, plan, "sparse_parallel", rows, seed=0)
    assert chosen.schedule is not None
    assert chosen.schedule.method == "rigl"


def test_failures_repel_and_do_not_stop_the_search() -> None:
    space, plan = Space(methods=("static",)), make_plan()
    bad = Seen(Configuration("sparse_wide", 0.9, STATIC), "bad")
    only_bad = by_improvement(space, plan, "sparse_wide", [bad] * 4, seed=0)
    assert only_bad.family == "sparse_wide"
    rows = [seen("sparse_wide", 0.5, 90.0), seen("sparse_wide", 0.75, 80.0), bad, bad]
    assert by_improvement(space, plan, "sparse_wide", rows, seed=0).nominal_sparsity != 0.9


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_a_run_that_diverged_late_is_no_worse_than_a_bad_one(direction: Literal["maximize", "minimize"]) -> None:
    sign = -1.0 if direction == "maximize" else 1.0
    values = {("sparse_wide", 0.5): 1.70, ("sparse_wide", 0.75): 1.69, ("sparse_parallel", 0.5): 1.6}
    rows = [seen(family, s, sign * v) for (family, s), v in values.items()]
    rows.append(seen("sparse_parallel", 0.75, sign * 1.62))
    plan = make_plan(direction)
    bad, worse = ([*rows, seen("sparse_wide", 0.9, sign * v)] for v in (3.0, 1e12))
    assert losses(plan, bad)[0] == losses(plan, worse)[0]
    assert max(losses(plan, worse)[0].values()) < 2.0
    assert list(losses(plan, rows)[0].values()) == [1.70, 1.69, 1.6, 1.62]
    for family in ("sparse_wide", "sparse_parallel"):
        found = [[suggest(Space(), plan, family, each, seed=s) for s in range(5)] for each in (bad, worse)]
        assert found[0] == found[1]


def test_a_large_job_with_a_run_that_diverged_asks_as_if_it_were_bad() -> None:
    space, plan = Space(methods=("set", "rigl")), make_plan("minimize")
    rows = [Seen(spread(space, plan, "sparse_wide", (), seed=i), "measured", float(i % 7)) for i in range(LARGEST + 60)]
    others = [Seen(spread(space, plan, "sparse_parallel", (), seed=i), "measured", i % 5 - 9.0) for i in range(40)]
    bad, worse = ([*rows, *others, Seen(others[0].configuration, "measured", value)] for value in (100.0, 1e12))
    assert suggest(space, plan, "sparse_wide", bad, seed=3) == suggest(space, plan, "sparse_wide", worse, seed=3)


def test_a_large_job_asks_tpe() -> None:
    space, plan = Space(methods=("set", "rigl")), make_plan()
    rows = [Seen(spread(space, plan, "sparse_wide", (), seed=i), "measured", float(i % 7)) for i in range(LARGEST + 60)]
    assert len({row.configuration for row in rows}) > LARGEST
    assert suggest(space, plan, "sparse_wide", rows, seed=3) == by_tpe(
        space, plan, "sparse_wide", centred(rows), seed=3
    )
