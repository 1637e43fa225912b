from collections.abc import Callable

import pytest

from analysis.best import gain_over_dense, judge, verdict
from analysis.measurement import Measurement
from analysis.points import aggregate, aggregate_dense
from sparseift.records import DENSE, Metric

Measure = Callable[..., Measurement]
ACCURACY = Metric("accuracy", "%", "maximize")
LOSS = Metric("bits_per_byte", "bits/byte", "minimize")


def runs(
    measure: Measure, family: str, sparsity: float, values: tuple[float, ...], **more: object
) -> list[Measurement]:
    kind = more.pop("kind", "search")
    first = 100 if kind == "confirm" else 1
    return [measure(family, sparsity, first + i, v, kind, **more) for i, v in enumerate(values)]


def test_gain_is_positive_when_better_whichever_way_that_is(measure: Measure) -> None:
    rows = runs(measure, DENSE, 0.0, (1.0, 1.2, 1.1)) + runs(measure, "sparse_wide", 0.5, (2.0, 2.2, 2.1))
    dense, (point,) = aggregate_dense(rows), aggregate(rows, {})
    up, down = gain_over_dense(point, dense, ACCURACY), gain_over_dense(point, dense, LOSS)
    assert up is not None
    assert down is not None
    assert up.mean == pytest.approx(1.0)
    assert down.mean == pytest.approx(-1.0)
    assert (verdict(up), verdict(down)) == ("better", "worse")
    assert up.method == "paired"


def test_an_interval_over_zero_is_level(measure: Measure) -> None:
    rows = runs(measure, DENSE, 0.0, (1.0, 1.2, 1.1)) + runs(measure, "sparse_wide", 0.5, (1.3, 0.9, 1.2))
    assert verdict(gain_over_dense(aggregate(rows, {})[0], aggregate_dense(rows), ACCURACY)) == "level"


def test_what_cannot_be_compared_is_not(measure: Measure) -> None:
    rows = runs(measure, DENSE, 0.0, (1.0, 1.1)) + runs(measure, "sparse_wide", 0.5, (9.0,), flop_ratio=1.01)
    (point,) = aggregate(rows, {})
    assert gain_over_dense(point, aggregate_dense(rows), ACCURACY) is None
    assert gain_over_dense(point, None, ACCURACY) is None
    assert verdict(None) == "unknown"
    points, best = judge((point,), aggregate_dense(rows), ACCURACY)
    assert best == ()  # a point that spends more FLOPs is never the best, however good
    assert not points[0].is_best
    assert not points[0].leads


def test_confirmed_points_beat_lucky_ones(measure: Measure) -> None:
    lucky = runs(measure, "sparse_wide", 0.9, (5.0,))
    chosen = runs(measure, "sparse_wide", 0.5, (4.9,)) + runs(measure, "sparse_wide", 0.5, (4.0, 4.1), kind="confirm")
    points, (answer,) = judge(aggregate(lucky + chosen, {}), None, ACCURACY)
    assert answer.point.sparsity == 0.5
    assert answer.point.confirmed
    assert answer.point.mean == pytest.approx(4.05)
    assert answer.compared == 2
    assert [p.is_best for p in points] == [True, False]


def test_confirmed_families_come_first(measure: Measure) -> None:
    rows = runs(measure, "sparse_wide", 0.5, (5.0,)) + runs(measure, "sparse_doped", 0.5, (4.0, 4.1), kind="confirm")
    _, best = judge(aggregate(rows, {}), None, ACCURACY)
    assert [a.family for a in best] == ["sparse_doped", "sparse_wide"]


def test_ties_are_named(measure: Measure) -> None:
    rows = runs(measure, "sparse_wide", 0.5, (1.0, 1.2, 1.1)) + runs(measure, "sparse_wide", 0.75, (1.15, 1.05, 1.25))
    rows += runs(measure, "sparse_wide", 0.9, (0.1, 0.2, 0.15))
    points, (answer,) = judge(aggregate(rows, {}), None, ACCURACY)
    assert answer.point.sparsity == 0.75
    assert answer.tied_with == (points[0].configuration_key,)
    assert [p.within_noise for p in points] == [True, False, False]
    assert answer.probability is not None
    assert 0.5 < answer.probability < 0.99


def test_without_a_repeated_configuration_nothing_is_said_of_noise(measure: Measure) -> None:
    rows = runs(measure, "sparse_wide", 0.5, (1.0,)) + runs(measure, "sparse_wide", 0.75, (1.0001,))
    _, (answer,) = judge(aggregate(rows, {}), None, ACCURACY)
    assert answer.probability is None
    assert answer.tied_with == ()


def test_the_line_goes_through_the_best_schedule_of_each_sparsity(measure: Measure) -> None:
    rows = runs(measure, "sparse_wide", 0.5, (1.0,)) + runs(measure, "sparse_wide", 0.5, (2.0,), schedule="b")
    rows += runs(measure, "sparse_wide", 0.75, (0.5,))
    points, _ = judge(aggregate(rows, {}), None, ACCURACY)
    assert sorted((p.mean, p.leads) for p in points) == [(0.5, True), (1.0, False), (2.0, True)]


def test_nothing_is_answered_from_nothing() -> None:
    assert judge((), None, ACCURACY) == ((), ())
