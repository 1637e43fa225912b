"""Rates at the very steps where they change."""

import pytest

from sparseift.training.schedules import cosine, is_due, milestones, warmup


def test_a_milestone_takes_effect_on_the_first_step_of_its_epoch() -> None:
    epochs, steps = 200, 390  # CIFAR's; drops at epochs 60, 120 and 160
    total = epochs * steps
    rates = [milestones(step, total, (0.3, 0.6, 0.8), 0.2) for step in range(total)]
    for epoch, before, after in ((60, 1.0, 0.2), (120, 0.2, 0.04), (160, 0.04, 0.008)):
        assert rates[epoch * steps - 1] == pytest.approx(before)
        assert rates[epoch * steps] == pytest.approx(after)
    assert sorted(rates, reverse=True) == rates


def test_warmup_rises_to_one_and_stays() -> None:
    assert [warmup(step, 4) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert warmup(0, 0) == 1.0


def test_cosine_falls_from_one_at_the_end_of_warmup_to_its_end() -> None:
    assert cosine(10, 110, 10, final=0.1) == 1.0
    assert cosine(60, 110, 10, final=0.1) == pytest.approx(0.55)
    assert cosine(110, 110, 10, final=0.1) == pytest.approx(0.1)


@pytest.mark.parametrize("total", [1, 7, 10, 100, 999])
@pytest.mark.parametrize("times", [0, 1, 3, 10, 100])
def test_things_are_due_so_many_times_evenly_and_at_the_end(total: int, times: int) -> None:
    steps = [step for step in range(1, total + 1) if is_due(step, total, times)]
    assert len(steps) == min(times, total)
    if times:
        assert steps[-1] == total
    gaps = {b - a for a, b in zip([0, *steps], steps, strict=False)}
    assert not gaps or max(gaps) - min(gaps) <= 1
