import itertools
import math

import pytest

from sparseift.errors import InvalidValue, UnknownName
from sparseift.masks.schedules import ANNEALS, METHODS, MaskSchedule
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
    ],
)
def test_values_outside_their_range(fields: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error, match=r"known ones|must"):
        MaskSchedule(**fields)  # type: ignore[arg-type]


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
