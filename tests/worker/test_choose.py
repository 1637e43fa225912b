"""Which configuration is confirmed."""

import pytest

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Configuration, Space
from tests.worker.fakes import make_plan, point
from worker.choose import choose

STATIC = MaskSchedule("static")
SPACE = Space(methods=("static",))


def at(sparsity: float) -> Configuration:
    return Configuration("sparse_wide", sparsity, STATIC)


def test_nothing_measured_is_nothing_chosen() -> None:
    assert choose(SPACE, make_plan(), []) == {}


def test_few_configurations_are_compared_by_their_means() -> None:
    plan = make_plan()
    lucky_once = [(at(0.5), 95.0), (at(0.5), 85.0), (at(0.75), 91.0), (at(0.75), 91.0)]
    assert choose(SPACE, plan, lucky_once) == {"sparse_wide": at(0.75)}
    assert choose(SPACE, make_plan("minimize"), lucky_once) == {"sparse_wide": at(0.5)}


def test_ties_go_to_the_earlier() -> None:
    assert choose(SPACE, make_plan(), [(at(0.9), 90.0), (at(0.5), 90.0)]) == {"sparse_wide": at(0.9)}


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_one_lucky_seed_does_not_beat_a_smooth_optimum(direction: str) -> None:
    grid = tuple(round(0.3 + 0.05 * i, 2) for i in range(13))
    plan = make_plan(direction)
    object.__setattr__(plan, "points", tuple(point("sparse_wide", s) for s in grid))
    sign = 1.0 if direction == "maximize" else -1.0
    measured = [(at(s), sign * (90.0 - 40.0 * (s - 0.75) ** 2)) for s in grid for _ in range(2)]
    measured.append((at(0.3), sign * 97.0))  # the mean at .3 is now 86.6 + lucky: 89.9
    measured = [(c, v) for c, v in measured if not (c == at(0.3) and abs(v) < 90.0)]  # .3 holds its lucky run alone
    chosen = choose(SPACE, plan, measured)["sparse_wide"]
    assert 0.65 <= chosen.nominal_sparsity <= 0.85


def test_families_are_chosen_apart_whatever_their_levels() -> None:
    plan = make_plan()
    other = Configuration("sparse_parallel", 0.5, STATIC)
    measured = [(at(s), 90.0 - s) for s in (0.5, 0.75, 0.9)] + [(other, 20.0)]
    assert choose(SPACE, plan, measured) == {"sparse_wide": at(0.5), "sparse_parallel": other}


@pytest.mark.parametrize("diverged", [300.0, 1e5, 1e12])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_a_run_that_diverged_late_ruins_no_choice(direction: str, diverged: float) -> None:
    grid = tuple(round(0.3 + 0.05 * i, 2) for i in range(13))
    plan = make_plan(direction)
    object.__setattr__(plan, "points", tuple(point(f, s) for f in ("sparse_wide", "sparse_doped") for s in grid))
    sign = -1.0 if direction == "maximize" else 1.0
    wide = [(at(s), sign * (1.69 + 0.6 * (s - 0.55) ** 2)) for s in grid[:-1]]
    doped = [(Configuration("sparse_doped", s, STATIC), sign * (1.9 + 0.6 * (s - 0.4) ** 2)) for s in grid[::3]]
    clean, after = (choose(SPACE, plan, [*wide, *more, *doped]) for more in ([], [(at(0.9), sign * diverged)]))
    assert clean["sparse_wide"] == at(0.55)
    assert abs(after["sparse_wide"].nominal_sparsity - 0.55) < 0.051
    assert after["sparse_doped"] == clean["sparse_doped"]
    few = [(at(0.5), sign * 1.7), (at(0.5), sign * diverged), (at(0.75), sign * 1.8), (at(0.9), sign * 1.81)]
    assert choose(SPACE, plan, few)["sparse_wide"] in (at(0.75), at(0.9)), "half of its runs diverged"
