"""Configurations as rows of indices."""

import numpy as np

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Configuration, Space
from tests.worker.fakes import make_plan
from worker.layout import ABSENT, configuration_of, coordinates, drawn, layout_of, neighbours, rows_of

SPACE, PLAN = Space(methods=("static", "rigl"), delta_t_steps=(50, 100)), make_plan()


def test_static_asks_for_no_axis_of_the_schedule_by_hand() -> None:
    layout = layout_of(SPACE, PLAN, "sparse_wide")
    names = ["method", "delta_t_steps", "drop_fraction", "t_end_fraction"]
    assert [axis.name for axis in layout.axes[1:]] == names
    assert layout.asked.tolist() == [[True, True, False, False, False], [True] * 5]
    static = Configuration("sparse_wide", 0.75, MaskSchedule("static"))
    rigl = Configuration("sparse_wide", 0.9, MaskSchedule("rigl", 71, 0.15, t_end_fraction=0.9))
    rows = rows_of(layout, [static, rigl])
    assert rows.tolist() == [[1, 0, ABSENT, ABSENT, ABSENT], [2, 1, 1, 1, 8]]
    # sparsities of all families are .5, .666667, .75, .9; a one-hot column is √½, so that two methods are 1 apart
    high = 0.5**0.5
    expected = [[2 / 3, high, 0, 0.5, 0.5, 0.5], [1, 0, high, 0.5, 0.125, 1]]
    np.testing.assert_allclose(coordinates(layout, rows), expected)


def test_rows_and_configurations_invert_each_other() -> None:
    space = Space(anneals=("cosine", "linear"), distributions=("uniform", "erk"))
    for family in ("sparse_wide", "sparse_parallel"):
        layout = layout_of(space, PLAN, family)
        rows = drawn(layout, 50, np.random.default_rng(0))
        configurations = [configuration_of(space, PLAN, layout, row) for row in rows]
        assert {c.family for c in configurations} == {family}
        assert (rows_of(layout, configurations) == rows).all()
        assert len(set(configurations)) > 30


def test_neighbours_differ_on_one_axis() -> None:
    layout = layout_of(SPACE, PLAN, "sparse_wide")
    row = np.array([0, 1, 0, 3, 8])
    near = neighbours(layout, row, np.random.default_rng(0))
    both = near[near[:, 1] == 1]  # a static neighbour loses its other axes
    assert ((both != row).sum(axis=1) == 1).all()
    assert len(near) == 2 + 1 + 2 + 4 + 2
    static = neighbours(layout, np.array([0, 0, ABSENT, ABSENT, ABSENT]), np.random.default_rng(0))
    assert (static[static[:, 1] == 1] != ABSENT).all()


def test_a_space_of_one_configuration_has_no_axes() -> None:
    space = Space(methods=("static",))
    plan = make_plan()
    object.__setattr__(plan, "points", tuple(p for p in plan.points if p.nominal_sparsity == 0.5))
    layout = layout_of(space, plan, "sparse_wide")
    rows = rows_of(layout, [Configuration("sparse_wide", 0.5, MaskSchedule("static"))])
    assert rows.shape == (1, 0)
    assert coordinates(layout, rows).shape == (1, 1)
    assert neighbours(layout, rows[0], np.random.default_rng(0)).shape == (0, 0)
