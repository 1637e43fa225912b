"""What earlier jobs hand on."""

from dataclasses import replace

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import DENSE, Configuration, Named, Space
from tests.worker.fakes import make_plan, make_spec
from worker.search import Row
from worker.transfer import Earlier, starts

RIGL = MaskSchedule("rigl", 100, 0.3, t_end_fraction=0.7)


def row(number: int, configuration: Configuration, value: float | None, kind: str = "search") -> Row:
    return Row(number, kind, configuration, 1, "failed" if value is None else "complete", "", value)


def earlier() -> Earlier:
    rows = [
        row(0, Configuration(DENSE), 99.0, "baseline"),
        row(1, Configuration("sparse_wide", 0.9, RIGL), 80.0),
        row(2, Configuration("sparse_wide", 0.5, MaskSchedule("static")), 70.0),
        row(3, Configuration("sparse_parallel", 0.5, RIGL), None),
    ]
    return Earlier(make_spec(), make_plan(), rows)


def test_the_best_of_each_measured_family_by_hand() -> None:
    found = starts(make_spec(), make_plan(), [earlier(), earlier()])
    best = Configuration("sparse_wide", 0.9, replace(RIGL, delta_t_steps=100))
    assert found == {"sparse_wide": (best,)}


def test_it_moves_to_the_new_grid_and_leaves_out_what_the_space_cannot_say() -> None:
    plan = make_plan()
    plan = replace(plan, points=tuple(p for p in plan.points if p.nominal_sparsity < 0.8))
    moved = starts(make_spec(), plan, [earlier()])["sparse_wide"][0]
    assert moved.nominal_sparsity == 0.75
    assert starts(make_spec(space=Space(methods=("static", "set"))), plan, [earlier()]) == {}


def test_another_data_set_says_nothing() -> None:
    assert starts(make_spec(dataset=Named("cifar10")), make_plan(), [earlier()]) == {}
