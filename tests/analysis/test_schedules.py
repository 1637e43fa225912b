from typing import Any

import numpy as np
import pytest

from analysis.measurement import Measurement
from analysis.schedules import schedule_effects
from analysis.statistics import t_quantile
from sparseift.records import Metric

ACCURACY = Metric("accuracy", "%", "maximize")
LOSS = Metric("bits_per_byte", "bits/byte", "minimize")
STATIC = {"method": "static", "distribution": "uniform"}


def rigl(interval: int = 100, drop: float = 0.3, end: float = 0.75) -> dict[str, Any]:
    return {
        "method": "rigl",
        "distribution": "uniform",
        "delta_t_steps": interval,
        "drop_fraction": drop,
        "anneal": "cosine",
        "t_end_fraction": end,
    }


class Search:
    """Runs and their configurations, added one by one."""

    def __init__(self) -> None:
        self.rows: list[Measurement] = []
        self.configurations: dict[str, dict[str, Any]] = {}

    def run(self, schedule: dict[str, Any], value: float, *, sparsity: float = 0.5, seed: int = 1) -> None:
        key = f"{sparsity}{sorted(schedule.items())}"
        self.configurations[key] = {"schedule": schedule}
        self.rows.append(
            Measurement("sparse_wide", key, sparsity, "search", seed, value, None, 1.0, 1.0, len(self.rows))
        )


def test_one_pair_per_cell_is_the_paired_t_test() -> None:
    search = Search()
    for seed, (static, moving) in enumerate(((90.0, 91.0), (80.0, 82.0), (70.0, 73.0))):
        search.run(STATIC, static, seed=seed)
        search.run(rigl(), moving, seed=seed)
    search.run(rigl(), 10.0, sparsity=0.9)  # alone in its cell: it says nothing
    (found,) = schedule_effects(search.rows, search.configurations, ACCURACY)
    assert (found.parameter, found.change, found.cells, found.runs) == ("method", "rigl against static", 3, 6)
    assert found.effect == pytest.approx(2.0)
    assert found.high is not None
    assert found.high - found.effect == pytest.approx(4.3027 / np.sqrt(3), abs=1e-3)  # differences 1, 2, 3
    (down,) = schedule_effects(search.rows, search.configurations, LOSS)
    assert down.effect == pytest.approx(-2.0)


def test_amounts_by_hand() -> None:
    search = Search()
    # ΔT 50, 100, 200 at one sparsity and seed: x = −1, 0, 1 doublings, y = 90, 91, 91: slope 1/2,
    # residuals −1/6, 1/3, −1/6, s² = (1/6) / (3 − 1 − 1), standard error √((1/6) / 2)
    for interval, value in ((50, 90.0), (100, 91.0), (200, 91.0)):
        search.run(rigl(interval), value)
    (found,) = schedule_effects(search.rows, search.configurations, ACCURACY)
    assert (found.parameter, found.change, found.effect) == ("delta_t_steps", "per doubling", pytest.approx(0.5))
    assert found.high is not None
    assert found.high - 0.5 == pytest.approx(12.706 * np.sqrt(1 / 12), rel=1e-3)


def test_a_single_pair_has_no_interval_and_nothing_varied_no_effect() -> None:
    search = Search()
    search.run(STATIC, 90.0)
    assert schedule_effects(search.rows, search.configurations, ACCURACY) == ()
    search.run(rigl(), 91.0)
    (found,) = schedule_effects(search.rows, search.configurations, ACCURACY)
    assert (found.effect, found.low) == (pytest.approx(1.0), None)
    assert schedule_effects(search.rows, {}, ACCURACY) == ()


def test_several_effects_hold_together() -> None:
    search, random = Search(), np.random.default_rng(0)
    for seed in range(6):
        for drop, interval in ((0.1, 50), (0.3, 200)):
            search.run(rigl(interval, drop), 90 + random.normal(), seed=seed)
    found = {e.parameter: e for e in schedule_effects(search.rows, search.configurations, ACCURACY)}
    assert set(found) == {"delta_t_steps", "drop_fraction"}
    pairs = search.rows
    differences = np.array([pairs[2 * i + 1].value - pairs[2 * i].value for i in range(6)]) / 2  # per doubling
    half = t_quantile(5, 2) * differences.std(ddof=1) / np.sqrt(6)
    assert found["delta_t_steps"].effect == pytest.approx(differences.mean())
    assert found["delta_t_steps"].high == pytest.approx(differences.mean() + half)


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_intervals_cover_as_often_as_they_say(seeds: int) -> None:
    random, jobs = np.random.default_rng(seeds), 600
    covered = 0
    for _ in range(jobs):
        search = Search()
        for seed in range(seeds):
            common = random.normal(0, 2)
            search.run(STATIC, 90 + common + random.normal(), seed=seed)
            search.run(rigl(), 90.8 + common + random.normal(), seed=seed)
        (found,) = schedule_effects(search.rows, search.configurations, ACCURACY)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.8 <= found.high
    assert 0.92 <= covered / jobs <= 0.97  # standard error .009


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_effects_and_amounts_hold_together(seeds: int) -> None:
    """Three effects, of which the amounts' are true at once; Bonferroni's intervals are conservative."""
    random, jobs, together = np.random.default_rng(20 + seeds), 250, 0
    truth = {"method": 0.8, "delta_t_steps": 0.5, "drop_fraction": -0.3}
    for _ in range(jobs):
        search = Search()
        for seed in range(seeds):
            common = 90 + random.normal(0, 2)
            search.run(STATIC, common + random.normal(), seed=seed)
            for interval, drop in ((50, 0.2), (200, 0.2), (50, 0.4), (200, 0.4)):
                gain = 0.8 + 0.5 * np.log2(interval / 100) - 3 * (drop - 0.3)  # 0.8 on average
                search.run(rigl(interval, drop), common + gain + random.normal(), seed=seed)
        found = {e.parameter: e for e in schedule_effects(search.rows, search.configurations, ACCURACY)}
        assert found.keys() == truth.keys()
        together += all((e.low or 0.0) <= truth[name] <= (e.high or 0.0) for name, e in found.items())
    assert together / jobs >= 0.92, together / jobs  # at least .95, standard error .014
