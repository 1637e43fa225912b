"""The axes of a search."""

import pytest

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Configuration, Space
from tests.worker.fakes import make_plan
from worker.space import Axis, fractions, indices, octaves, update_intervals, walk


def test_grids_hold_their_ends_by_hand() -> None:
    assert fractions(0.1, 0.3) == (0.1, 0.15, 0.2, 0.25, 0.3)
    assert fractions(0.5, 0.5) == (0.5,)
    assert octaves(100, 400) == (100, 141, 200, 283, 400)
    assert octaves(1, 4) == (1, 2, 3, 4)
    assert octaves(50, 50) == (50,)


def test_update_intervals_update_masks_at_least_once() -> None:
    space = Space(delta_t_steps=(50, 1000), t_end_fraction=(0.5, 0.75))
    plan = make_plan()
    assert update_intervals(space, plan) == (50, 71, 100, 141)  # T_end is 200 of 400 steps at the lowest
    assert MaskSchedule("rigl", 141, 0.3, t_end_fraction=0.5).count_updates(plan.total_steps) == 1


@pytest.mark.parametrize("methods", [("static", "rigl"), ("rigl", "set")])
def test_a_run_too_short_for_updates_has_one_schedule(methods: tuple[str, ...]) -> None:
    space, plan = Space(methods=methods, delta_t_steps=(800, 1000)), make_plan()
    assert update_intervals(space, plan) == ()
    configuration = walk(space, plan, "sparse_wide", lambda axis: len(axis.values) - 1)
    assert configuration.schedule == MaskSchedule(methods[0], delta_t_steps=800 if methods[0] == "rigl" else 100)
    assert len(indices(space, plan, configuration)) == 1  # its sparsity


def test_static_asks_for_no_schedule_and_single_values_are_not_asked_for() -> None:
    asked: list[Axis] = []

    def first(axis: Axis) -> int:
        asked.append(axis)
        return 0

    configuration = walk(Space(methods=("static", "rigl")), make_plan(), "sparse_wide", first)
    assert configuration == Configuration("sparse_wide", 0.5, MaskSchedule("static"))
    assert [axis.name.partition(":")[0] for axis in asked] == ["sparsity", "method"]


def test_families_share_a_sparsity_axis_only_when_their_grids_are_equal() -> None:
    plan = make_plan(families=("sparse_wide", "sparse_factorized", "sparse_doped"))
    names = set()
    for family in ("sparse_wide", "sparse_factorized", "sparse_doped"):
        walk(Space(), plan, family, lambda axis: names.add(axis.name) or 0)
    assert len([name for name in names if name.startswith("sparsity:")]) == 2


def test_indices_inverts_walk_through_stored_json() -> None:
    space, plan = Space(anneals=("cosine", "linear"), distributions=("uniform", "erk")), make_plan()
    for shift in range(12):
        picked: dict[Axis, int] = {}

        def pick(axis: Axis, shift: int = shift, picked: dict[Axis, int] = picked) -> int:
            picked[axis] = (len(picked) + shift) % len(axis.values)
            return picked[axis]

        configuration = walk(space, plan, "sparse_parallel", pick)
        stored = Configuration.from_json(configuration.canonical())
        assert stored == configuration
        assert indices(space, plan, stored) == picked
