from collections.abc import Callable

import pytest

from analysis.measurement import Measurement
from analysis.points import aggregate, aggregate_dense
from sparseift.records import DENSE

Measure = Callable[..., Measurement]


def test_runs_of_one_configuration_become_one_point(measure: Measure) -> None:
    rows = [measure("sparse_wide", 0.75, seed, value) for seed, value in ((2, 3.0), (1, 1.0), (3, 2.0))]
    (point,) = aggregate(rows, {})
    assert point.mean == 2.0
    assert point.seeds == (1, 2, 3)
    assert point.values == (1.0, 3.0, 2.0)
    assert point.high == pytest.approx(2 + 2.4841, abs=1e-4)
    assert not point.confirmed
    assert point.test_mean is None


def test_confirmation_runs_alone_are_reported(measure: Measure) -> None:
    rows = [measure("sparse_wide", 0.75, 1, 1.0)]
    rows += [measure("sparse_wide", 0.75, s, 2.0, "confirm", test_value=2.5) for s in (11, 12)]
    (point,) = aggregate(rows, {})
    assert point.confirmed
    assert point.mean == 2.0  # the lucky run that chose it is not in it
    assert point.search_values == (1.0,)
    assert point.all_values == (1.0, 2.0, 2.0)
    assert point.test_mean == 2.5
    assert point.trial_ids == (2, 3)


def test_a_repeated_seed_counts_once(measure: Measure) -> None:
    (point,) = aggregate([measure("sparse_wide", 0.75, 1, 2.0), measure("sparse_wide", 0.75, 1, 2.0)], {})
    assert point.seeds == (1,)
    assert point.low is None


def test_a_search_run_never_shows_a_test_value(measure: Measure) -> None:
    (point,) = aggregate([measure("sparse_wide", 0.75, 1, 2.0, test_value=1.0)], {})
    assert point.test_mean is None


def test_the_flop_tolerance_is_a_tenth_of_a_percent(measure: Measure) -> None:
    rows = [
        measure("sparse_wide", 0.5, 1, 2.0, flop_ratio=r, schedule=str(r)) for r in (0.999, 1.0, 1.001, 1.0011, 0.9)
    ]
    ratios = {p.flop_ratio: p.iso_flop for p in aggregate(rows, {})}
    assert ratios == {0.999: True, 1.0: True, 1.001: True, 1.0011: False, 0.9: False}


def test_one_run_off_the_budget_marks_the_point(measure: Measure) -> None:
    (point,) = aggregate([measure("sparse_wide", 0.5, s, 2.0, flop_ratio=r) for s, r in ((1, 1.0), (2, 1.01))], {})
    assert not point.iso_flop
    assert point.flop_ratio == 1.01


def test_schedules_and_their_absence(measure: Measure) -> None:
    rows = [measure("sparse_wide", 0.5, 1, 2.0), measure("sparse_wide", 0.75, 1, 2.0)]
    known = {rows[0].configuration_key: {"schedule": {"method": "static", "distribution": "uniform"}}}
    assert [p.schedule for p in aggregate(rows, known)] == ["static", ""]


def test_dense(measure: Measure) -> None:
    assert aggregate_dense([]) is None
    rows = [measure(DENSE, 0.0, s, v, "baseline", test_value=v + 1) for s, v in ((1, 1.0), (2, 3.0))]
    dense = aggregate_dense(rows)
    assert dense is not None
    assert (dense.mean, dense.test_mean, dense.confirmed) == (2.0, 3.0, False)
    assert aggregate_dense([*rows, measure(DENSE, 0.0, 1, 9.0, "ladder", test_value=9.0)]) == dense
    dense = aggregate_dense([*rows, measure(DENSE, 0.0, 11, 5.0, "confirm")])
    assert dense is not None
    assert (dense.mean, dense.confirmed, dense.seeds) == (5.0, True, (11,))
