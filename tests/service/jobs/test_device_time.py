"""How long a job will take, by hand; then through a dry run."""

from dataclasses import replace

import pytest

from service.jobs.device_time import estimate
from sparseift.records import Point
from store.rates import Rates
from tests.store.samples import PLAN, SPEC

REFUSED = Point("sparse_wide", 0.9, False, "too wide")


def test_executed_flops_over_the_median_speed() -> None:
    # 100 steps of 32 samples; dense 20,000 and wide 40,000 executed FLOPs forward, three times that to train:
    # 1.92e8 and 3.84e8; the median speed is 1e8 a second.
    found = estimate(SPEC, replace(PLAN, points=(*PLAN.points, REFUSED)), Rates("model", (1e8, 5e7, 3e8)))
    assert (found.basis, found.measured_trials, found.executed_flops_per_second) == ("model", 3, 1e8)
    assert found.dense_s == pytest.approx(1.92)
    assert found.points_s == [pytest.approx(3.84), None]
    # two dense seeds, four trials of the search and two confirmations
    assert found.total_s == pytest.approx(2 * 1.92 + 4 * 3.84 + 2 * 3.84)


def test_a_ladder_is_trained_on_every_seed() -> None:
    larger = replace(PLAN.dense, executed_flops=80_000)
    plain = estimate(SPEC, PLAN, Rates("model", (1e8,))).total_s
    found = estimate(replace(SPEC, ladder=(4.0,)), replace(PLAN, ladder=(larger,)), Rates("model", (1e8,))).total_s
    assert plain is not None
    assert found == pytest.approx(plain + 2 * 7.68)


def test_nothing_is_guessed_where_nothing_was_measured() -> None:
    found = estimate(SPEC, PLAN, Rates("none"))
    assert (found.basis, found.dense_s, found.points_s, found.total_s) == ("none", None, [None], None)
