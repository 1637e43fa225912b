import itertools
import json
import math

import pytest

from sparseift.errors import InvalidValue, UnknownName
from sparseift.masks.schedules import ANNEALS, METHODS, MaskSchedule, Ramp
from sparseift.records import Configuration
from sparseift.training_flops import training_flops


def test_update_steps_by_hand() -> None:
    schedule = MaskSchedule("rigl", delta_t_steps=10, t_end_fraction=0.75)
    assert [t for t in range(1, 101) if schedule.is_update_step(t, 100)] == [10, 20, 30, 40, 50, 60, 70]
    assert schedule.count_updates(100) == 7
    assert MaskSchedule("rigl", delta_t_steps=5, t_end_fraction=0.55).count_updates(100) == 10  # .55 · 100 > 55
    assert MaskSchedule("rigl", delta_t_steps=25).count_updates(100) == 2  # step 75 is T_end: frozen


def test_annealing_by_hand() -> None:
    cosine = MaskSchedule("set", drop_fraction=0.3, t_end_fraction=0.5)
    assert cosine.drop_fraction_at(25, 100) == pytest.approx(0.15)
    assert cosine.drop_fraction_at(0, 100) == pytest.approx(0.3)
    assert MaskSchedule("set", drop_fraction=0.3, anneal="linear", t_end_fraction=0.5).drop_fraction_at(
        20, 100
    ) == pytest.approx(0.18)
    assert MaskSchedule("set", drop_fraction=0.3, anneal="constant").drop_fraction_at(60, 100) == 0.3


@pytest.mark.parametrize("anneal", ANNEALS)
def test_annealing_never_rises_and_stays_in_range(anneal: str) -> None:
    schedule = MaskSchedule("rigl", anneal=anneal)
    values = [schedule.drop_fraction_at(t, 200) for t in range(1, 201)]
    assert all(a >= b - 1e-15 for a, b in itertools.pairwise(values))
    assert all(0.0 <= v <= 0.3 for v in values)


@pytest.mark.parametrize("total", [1, 7, 99, 100, 101])
@pytest.mark.parametrize("delta", [1, 3, 50])
@pytest.mark.parametrize("end", [0.5, 0.75, 1.0])
def test_the_count_of_updates_is_the_number_of_update_steps(total: int, delta: int, end: float) -> None:
    schedule = MaskSchedule("rigl", delta_t_steps=delta, t_end_fraction=end)
    assert schedule.count_updates(total) == sum(schedule.is_update_step(t, total) for t in range(1, total + 1))


def test_static_never_updates_and_forgets_what_it_does_not_use() -> None:
    assert MaskSchedule("static", delta_t_steps=5).count_updates(100) == 0
    assert MaskSchedule("static", delta_t_steps=5).canonical() == MaskSchedule("static").canonical()
    assert set(METHODS) == {"static", "set", "rigl", "snfs", "granet", "gmp"}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"method": "magic"}, UnknownName),
        ({"anneal": "cosinus"}, UnknownName),
        ({"distribution": "flat"}, UnknownName),
        ({"delta_t_steps": 0}, InvalidValue),
        ({"drop_fraction": 1.0}, InvalidValue),
        ({"t_end_fraction": 0.0}, InvalidValue),
        ({"structure": "diagonal"}, UnknownName),
        ({"structure": "4:4"}, InvalidValue),
        ({"gradient_steps": 0}, InvalidValue),
        ({"gradient_steps": 101}, InvalidValue),
        ({"gradient_steps": 2, "method": "set"}, InvalidValue),
        ({"method": "static", "ramp": Ramp(1.0)}, InvalidValue),
        ({"ramp": Ramp(1.0, 0.0, 0.8)}, InvalidValue),
    ],
)
def test_values_outside_their_range(fields: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"known ones|must"):
        MaskSchedule(**fields)  # type: ignore[arg-type]


def test_ramps_by_hand() -> None:
    cubic = Ramp(1.0, begin_fraction=0.2, end_fraction=0.6)
    assert [cubic.count_at(t, 100, 1000, 200) for t in (0, 20, 40, 60, 100)] == [1000, 1000, 300, 200, 200]
    linear = Ramp(0.1, end_fraction=1.0, shape="linear")
    assert [linear.count_at(t, 100, 100, 200) for t in (0, 25, 50, 100)] == [100, 125, 150, 200]
    for fields, error in (
        ({"start_density": 0.0}, InvalidValue),
        ({"start_density": 1.0, "begin_fraction": 0.5, "end_fraction": 0.5}, InvalidValue),
        ({"start_density": 1.0, "end_fraction": 1.1}, InvalidValue),
        ({"start_density": 1.0, "shape": "square"}, UnknownName),
    ):
        with pytest.raises(error, match=r"must|known ones"):
            Ramp(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("total", [4, 37, 100])
@pytest.mark.parametrize("delta", [1, 3])
def test_a_ramp_ends_with_the_last_update_at_the_latest(total: int, delta: int) -> None:
    schedule = MaskSchedule("granet", delta_t_steps=delta, t_end_fraction=0.9, ramp=Ramp(1.0, 0.0, 0.9))
    updates = [t for t in range(1, total + 1) if schedule.is_update_step(t, total)]
    counts = [schedule.count_at(t, total, 1000, 100) for t in updates]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 100
    assert schedule.count_at(updates[-1] + 1, total, 1000, 100) == 100


def test_granet_and_gmp_start_dense_unless_told_otherwise() -> None:
    assert MaskSchedule("granet").ramp == MaskSchedule("gmp").ramp == Ramp(1.0)
    assert MaskSchedule("gmp", t_end_fraction=0.4).ramp == Ramp(1.0, end_fraction=0.4)
    assert MaskSchedule("granet", ramp=Ramp(0.5)).ramp == Ramp(0.5)
    assert MaskSchedule("gmp").drop_fraction_at(10, 100) == 0.0


def test_gradient_steps_end_with_an_update() -> None:
    schedule = MaskSchedule("rigl", delta_t_steps=10, gradient_steps=3)
    assert [t for t in range(1, 100) if schedule.is_gradient_step(t, 40)] == [8, 9, 10, 18, 19, 20]


def test_what_was_stored_keeps_its_hash() -> None:
    """Keys of configurations as they were stored before schedules had structures, sums and ramps."""
    stored = {
        "static": MaskSchedule("static", distribution="erk"),
        "set": MaskSchedule("set", delta_t_steps=70),
        "rigl": MaskSchedule(),
    }
    keys = {m: Configuration("sparse_wide", 0.75, s).key for m, s in stored.items()}
    assert keys == {"static": "ff266ae8971c2c91", "set": "4431b1aa3e491779", "rigl": "71f03377541b6692"}
    assert list(MaskSchedule().canonical()) == [
        "method", "distribution", "delta_t_steps", "drop_fraction", "anneal", "t_end_fraction",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "schedule",
    [
        MaskSchedule("granet", structure="2:4", gradient_steps=4, ramp=Ramp(0.9, 0.1, 0.5, "linear")),
        MaskSchedule("gmp", drop_fraction=0.3),
        MaskSchedule("snfs", structure="block:16", distribution="lamp"),
    ],
)
def test_canonical_and_back(schedule: MaskSchedule) -> None:
    configuration = Configuration("sparse_wide", 0.5, schedule)
    again = Configuration.from_json(json.loads(json.dumps(configuration.canonical())))
    assert again == configuration
    assert again.key == configuration.key
    assert configuration.key != Configuration("sparse_wide", 0.5, MaskSchedule(schedule.method)).key or (
        schedule == MaskSchedule("gmp")
    )


def overhead(sparsity: float, delta_t: int) -> float:
    dense = 1000_000
    total = 100 * delta_t
    spent = training_flops(
        MaskSchedule("rigl", delta_t_steps=delta_t),
        sparse_forward=dense,
        unmasked_forward=round(dense / (1 - sparsity)),
        step=total,
        total_steps=total,
        batch_size=1,
    )
    return spent / (3 * dense * total) - 1


def test_training_flops_of_rigl_are_the_papers() -> None:
    """+.25 / .74 / 2.2 % over dense at ΔT = 100 and s = .5 / .75 / .9, a fifth of it at ΔT = 500."""
    assert [round(100 * overhead(s, 100), 2) for s in (0.5, 0.75, 0.9)] == pytest.approx([0.25, 0.74, 2.2], abs=0.03)
    assert overhead(0.9, 500) == pytest.approx(overhead(0.9, 100) / 5, rel=0.03)


def test_training_flops_of_dense_static_and_set_are_three_forwards() -> None:
    for schedule in (None, MaskSchedule("static"), MaskSchedule("set")):
        spent = training_flops(schedule, sparse_forward=7, unmasked_forward=70, step=11, total_steps=20, batch_size=4)
        assert spent == 3 * 7 * 11 * 4
    assert math.isfinite(overhead(0.95, 50))


def spent(schedule: MaskSchedule, step: int = 100, start_forward: int | None = None) -> float:
    return training_flops(
        schedule,
        sparse_forward=10,
        unmasked_forward=40,
        step=step,
        total_steps=100,
        batch_size=2,
        start_forward=start_forward,
    )


def test_training_flops_of_dense_gradients_at_every_step_and_of_sums() -> None:
    # Updates after 10, … 40; T_end is 50.
    assert spent(MaskSchedule("snfs", 10, t_end_fraction=0.5)) == 2 * (40 * (2 * 10 + 40) + 60 * 30)
    three = MaskSchedule("rigl", 10, t_end_fraction=0.5, gradient_steps=3)
    assert spent(three) == pytest.approx(2 * (40 * (30 * 8 + 60 * 3) / 11 + 60 * 30))


def test_training_flops_follow_the_ramp() -> None:
    # From 40 FLOPs to 10, linearly over 20 steps with updates after 10 and 20 (the last).
    schedule = MaskSchedule("gmp", 10, t_end_fraction=0.3, ramp=Ramp(1.0, 0.0, 0.2, "linear"))
    assert [spent(schedule, t, 40) for t in (5, 10, 15, 30)] == [
        2 * 3 * 5 * 40, 2 * 3 * 10 * 40, 2 * 3 * (10 * 40 + 5 * 25), 2 * 3 * (10 * 40 + 10 * 25 + 10 * 10),
    ]  # fmt: skip
    with pytest.raises(InvalidValue, match="start_forward"):
        spent(schedule)
    assert spent(MaskSchedule("granet", 10, t_end_fraction=0.3), 10, 40) == pytest.approx(2 * 10 * 120)
