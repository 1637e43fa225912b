import json
import math

import numpy as np
import pytest

from analysis.confirmed import Confirmed
from analysis.meta import JobBest, best_against_size, job_bests

WIDE = "sparse_wide"


def job(name: str, size: int, sparsity: float, family: str = WIDE) -> JobBest:
    return JobBest(name, "mlp", "digits", family, size, size // 2, sparsity, 0.5, 3)


def test_a_line_through_three_sizes_by_hand() -> None:
    # doublings 1, 2, 2 at tenfolds 3, 4, 5: slope 1/2, residuals −1/6 1/3 −1/6, s² = 1/6, standard error √(1/12)
    found = best_against_size([job("b", 10_000, 0.75), job("a", 1000, 0.5), job("c", 100_000, 0.75)])
    (trend,) = found.trends
    assert [p.job_id for p in found.points] == ["a", "b", "c"]
    assert trend.slope == pytest.approx(0.5)
    assert trend.intercept == pytest.approx(5 / 3 - 2)
    assert trend.high == pytest.approx(0.5 + 12.706 * math.sqrt(1 / 12), rel=1e-3)
    assert (trend.jobs, trend.sizes) == (3, 3)
    json.dumps(found.to_json())


def test_two_sizes_are_no_trend_and_families_have_their_own() -> None:
    found = best_against_size([job("a", 10, 0.5), job("b", 100, 0.9), job("c", 100, 0.9, "sparse_doped")])
    assert [(t.family, t.slope, t.sizes) for t in found.trends] == [("sparse_doped", None, 1), (WIDE, None, 2)]
    assert best_against_size([]).trends == ()


@pytest.mark.parametrize("levels", [(0.75, 0.75, 0.75), (0.5, 0.75, 0.875)])
def test_jobs_on_one_line_say_nothing_of_the_noise(levels: tuple[float, ...]) -> None:
    found = best_against_size([job(str(i), 10 ** (3 + i), s) for i, s in enumerate(levels)])
    (trend,) = found.trends
    assert trend.slope == pytest.approx(0.0 if levels[0] == levels[1] else 1.0)
    assert (trend.low, trend.high) == (None, None), "an interval of no width would claim certainty"


def final(job_id: str, family: str, mean: float, *, kind: str = "confirm", maximize: bool = True) -> Confirmed:
    return Confirmed(job_id, "mlp", "digits", 1000, 500, maximize, family, kind, 0.5 + mean / 1000, mean, 3)


def test_each_jobs_best_is_by_its_own_metric_and_against_its_own_dense() -> None:
    rows = [final("b", WIDE, 3.0, maximize=False), final("b", WIDE, 2.0, maximize=False)]
    rows += [final("b", "dense", 2.5, kind="baseline", maximize=False)]
    rows += [final("a", WIDE, 91.0), final("a", WIDE, 92.0), final("a", "sparse_doped", 90.0)]
    rows += [final("a", "dense", 95.0, kind="baseline"), final("a", "dense", 91.0)]
    rows += [final("c", WIDE, 80.0)]
    found = job_bests(rows)
    assert [(b.job_id, b.family, b.gain, b.seeds) for b in found] == [
        ("a", "sparse_doped", -1.0, 3),  # dense's fresh seeds go before its others
        ("a", WIDE, 1.0, 3),
        ("b", WIDE, 0.5, 3),
        ("c", WIDE, None, 3),
    ]
    assert found[2].sparsity == pytest.approx(0.502)
    assert job_bests([]) == []


@pytest.mark.parametrize("jobs", [3, 5, 10])
def test_intervals_cover_as_often_as_they_say(jobs: int) -> None:
    random, repeats = np.random.default_rng(jobs), 1500
    covered = 0
    for _ in range(repeats):
        sizes = random.choice(np.logspace(5, 9, 40).astype(int), jobs, replace=False)
        doublings = 0.5 + 0.3 * np.log10(sizes) + random.normal(0, 0.4, jobs)
        answers = [job(str(i), int(s), 1 - 2.0**-d) for i, (s, d) in enumerate(zip(sizes, doublings, strict=True))]
        (trend,) = best_against_size(answers).trends
        assert trend.low is not None
        assert trend.high is not None
        covered += trend.low <= 0.3 <= trend.high
    assert 0.92 <= covered / repeats <= 0.97  # standard error .006
