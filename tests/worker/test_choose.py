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
