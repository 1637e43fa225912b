from collections.abc import Callable

import numpy as np
import pytest

from analysis.best import gain_over_dense, job_noise, judge, over_dense, verdict, winner
from analysis.comparison import compare, contender_of, contender_of_dense
from analysis.measurement import Measurement
from analysis.points import CurvePoint, aggregate, aggregate_dense
from analysis.statistics import Difference
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


def gain_of(point: CurvePoint, rows: list[Measurement], metric: Metric = ACCURACY) -> Difference | None:
    return gain_over_dense(point, over_dense([point], aggregate_dense(rows), metric), metric)


def test_gain_is_positive_when_better_whichever_way_that_is(measure: Measure) -> None:
    rows = runs(measure, DENSE, 0.0, (1.0, 1.2, 1.1)) + runs(measure, "sparse_wide", 0.5, (2.0, 2.1, 2.2))
    (point,) = aggregate(rows, {})
    up, down = gain_of(point, rows), gain_of(point, rows, LOSS)
    assert up is not None
    assert down is not None
    assert up.mean == pytest.approx(1.0)
    assert down.mean == pytest.approx(-1.0)
    assert (verdict(up), verdict(down)) == ("better", "worse")
    assert up.method == "blocked"


def test_an_interval_over_zero_is_level(measure: Measure) -> None:
    rows = runs(measure, DENSE, 0.0, (1.0, 1.2, 1.1)) + runs(measure, "sparse_wide", 0.5, (1.3, 0.9, 1.2))
    assert verdict(gain_of(aggregate(rows, {})[0], rows)) == "level"


def test_what_cannot_be_compared_is_not(measure: Measure) -> None:
    rows = runs(measure, DENSE, 0.0, (1.0, 1.1)) + runs(measure, "sparse_wide", 0.5, (9.0,), flop_ratio=1.01)
    (point,) = aggregate(rows, {})
    assert gain_of(point, rows) is None
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
    assert 0.4 < answer.probability < 0.99


def test_without_a_repeated_configuration_nothing_is_said_of_noise(measure: Measure) -> None:
    rows = runs(measure, "sparse_wide", 0.5, (1.0,)) + runs(measure, "sparse_wide", 0.75, (1.0001,))
    _, (answer,) = judge(aggregate(rows, {}), None, ACCURACY)
    assert answer.probability is None
    assert answer.tied_with == ()


def test_runs_that_are_equal_by_chance_separate_nothing(measure: Measure) -> None:
    rows = runs(measure, DENSE, 0.0, (90.0, 90.0))
    rows += runs(measure, "sparse_wide", 0.5, (91.0, 91.0)) + runs(measure, "sparse_wide", 0.75, (91.3, 91.3))
    points, (answer,) = judge(aggregate(rows, {}), aggregate_dense(rows), ACCURACY)
    assert job_noise(points, aggregate_dense(rows)) is None, "unknown, which is not zero"
    assert (answer.probability, answer.tied_with) == (None, ())


@pytest.mark.parametrize("metric", [ACCURACY, LOSS])
def test_the_confirmed_winner_is_not_beaten_by_the_seed_of_the_search(measure: Measure, metric: Metric) -> None:
    # As the worker runs them: the search on seed 1, which gives all 3 more; the best and dense on 100, 101, 102.
    sign = 1.0 if metric is ACCURACY else -1.0
    rows = runs(measure, DENSE, 0.0, (sign * 88.0, sign * 88.2, sign * 88.1), kind="confirm")
    for family, level in (("sparse_wide", 0.0), ("sparse_doped", -1.0)):
        for sparsity, value in ((0.3, 92.9), (0.5, 93.0), (0.75, 93.7), (0.9, 93.2)):
            rows += runs(measure, family, sparsity, (sign * (value + level),))
        values = tuple(sign * (v + level) for v in (90.6, 90.8, 90.7))
        rows += runs(measure, family, 0.75, values, kind="confirm")
    points, best = judge(aggregate(rows, {}), aggregate_dense(rows), metric)
    for answer in best:
        assert (answer.point.sparsity, answer.point.search_seeds) == (0.75, (1,))
        assert answer.probability is not None
        assert answer.probability > 0.8, "by means over different seeds it is the last of four"
    assert sum(p.is_best for p in points) == 2


def test_the_line_goes_through_the_best_schedule_of_each_sparsity(measure: Measure) -> None:
    rows = runs(measure, "sparse_wide", 0.5, (1.0,)) + runs(measure, "sparse_wide", 0.5, (2.0,), schedule="b")
    rows += runs(measure, "sparse_wide", 0.75, (0.5,))
    points, _ = judge(aggregate(rows, {}), None, ACCURACY)
    assert sorted((p.mean, p.leads) for p in points) == [(0.5, True), (1.0, False), (2.0, True)]


def test_nothing_is_answered_from_nothing() -> None:
    assert judge((), None, ACCURACY) == ((), ())


IMAGES = 297  # of the digits' validation split


def verdicts(rows: list[Measurement]) -> tuple[str, str]:
    """Of the best family of all: as the best, and in its own row."""
    dense = aggregate_dense(rows)
    points, best = judge(aggregate(rows, {}), dense, ACCURACY)
    found = winner(points, dense, ACCURACY, best)
    assert found is not None
    return verdict(found.gain), verdict(found.point.gain)


def accuracies(random: np.random.Generator, seeds: int) -> tuple[float, ...]:
    """Accuracies (%) of one configuration's seeds: whole images right, with a seed noise of 1.2 of them."""
    return tuple(100 * np.round(random.normal(283, 1.2, seeds)) / IMAGES)


def test_equal_runs_of_a_counting_metric_are_no_gain(measure: Measure) -> None:
    rows = runs(measure, DENSE, 0.0, (90.0, 90.0)) + runs(measure, "sparse_wide", 0.5, (90.6, 90.6))
    assert verdicts(rows)[0] == "unknown", "no run of the job shows any noise"
    rows += runs(measure, "sparse_doped", 0.5, (91.0, 90.0))
    points, _ = judge(aggregate(rows, {}), aggregate_dense(rows), ACCURACY)
    wide = next(p for p in points if p.family == "sparse_wide")
    assert verdict(wide.gain) == "level", "the noise of another family's seeds bounds it"


def test_two_seeds_of_a_counting_metric_seldom_look_better_without_an_effect(measure: Measure) -> None:
    random = np.random.default_rng(4)
    jobs, equal, better = 1500, 0, 0
    for _ in range(jobs):
        dense, wide = accuracies(random, 2), accuracies(random, 2)
        steps = np.round((np.array(wide) - np.array(dense)) * IMAGES / 100)
        equal += steps[0] == steps[1] > 0
        found = verdicts(runs(measure, DENSE, 0.0, dense) + runs(measure, "sparse_wide", 0.5, wide))
        better += found[0] == "better"
    assert equal / jobs > 0.05, "so many would be called better by an interval without width"
    assert better / jobs <= 0.03  # nominal: .025 one-sided, standard error .004


def test_the_best_of_four_families_without_an_effect_is_seldom_better(measure: Measure) -> None:
    random = np.random.default_rng(5)
    jobs, better, plain = 500, 0, 0
    families = ("sparse_wide", "sparse_parallel", "sparse_factorized", "sparse_doped")
    for _ in range(jobs):
        rows = runs(measure, DENSE, 0.0, tuple(random.normal(90, 1, 3)), kind="confirm")
        for family in families:
            rows += runs(measure, family, 0.5, tuple(random.normal(90, 1, 3)), kind="confirm")
        allowing, own = verdicts(rows)
        better += allowing == "better"
        plain += own == "better"
    assert better / jobs <= 0.03
    assert plain > better


def test_the_winner_is_judged_against_all_that_it_was_picked_from(measure: Measure) -> None:
    search = runs(measure, DENSE, 0.0, (1.0, 1.2, 1.1)) + runs(measure, "sparse_wide", 0.5, (2.0, 2.2, 2.3))
    search += runs(measure, "sparse_wide", 0.75, (1.0,)) + runs(measure, "sparse_doped", 0.5, (1.0,))
    dense = aggregate_dense(search)
    points, best = judge(aggregate(search, {}), dense, ACCURACY)
    provisional = winner(points, dense, ACCURACY, best)
    assert provisional is not None
    assert provisional.picked_from == 3, "configurations, each run when it was picked"

    rows = search + runs(measure, "sparse_doped", 0.5, (1.0, 1.1), kind="confirm")
    points, best = judge(aggregate(rows, {}), dense, ACCURACY)
    alone = winner(points, dense, ACCURACY, best)
    assert alone is not None
    assert (alone.family, alone.picked_from) == ("sparse_doped", 1)
    assert alone.gain == alone.point.gain
    assert winner((), dense, ACCURACY, ()) is None


def test_an_extension_s_other_winner_is_one_more_to_be_picked_from(measure: Measure) -> None:
    rows = runs(measure, DENSE, 0.0, (1.0, 1.2, 1.1), kind="confirm")
    rows += runs(measure, "sparse_wide", 0.5, (1.5, 1.6, 1.9), kind="confirm")
    rows += runs(measure, "sparse_doped", 0.5, (1.3, 1.2, 1.4), kind="confirm")
    rows += runs(measure, "sparse_doped", 0.9, (1.0, 1.4))  # never confirmed
    later = runs(measure, "sparse_wide", 0.75, (2.0, 2.2, 2.3), kind="confirm")
    later += runs(measure, "sparse_wide", 0.8, (9.0, 9.0, 9.0), kind="confirm", flop_ratio=1.1)  # not compared
    dense = aggregate_dense(rows)
    points, best = judge(aggregate(rows, {}), dense, ACCURACY)
    before = winner(points, dense, ACCURACY, best)
    assert before is not None
    assert before.picked_from == 2

    points, best = judge(aggregate(rows + later, {}), dense, ACCURACY)
    after, against = winner(points, dense, ACCURACY, best), over_dense(points, dense, ACCURACY)
    assert after is not None
    assert (after.family, after.point.sparsity, after.picked_from) == ("sparse_wide", 0.75, 3)
    assert against is not None
    seeds = dict(zip((100, 101, 102), (2.0, 2.2, 2.3), strict=True))
    assert after.gain == against.difference(seeds, comparisons=3)
    assert after.point.gain == against.difference(seeds, comparisons=2), "its family's answer was picked from two"
    other = next(p for p in points if p.sparsity == 0.5 and p.family == "sparse_wide")
    assert other.gain == against.difference(dict(zip((100, 101, 102), (1.5, 1.6, 1.9), strict=True)))


def test_the_best_of_two_confirmed_in_each_family_is_seldom_better_without_an_effect(measure: Measure) -> None:
    random = np.random.default_rng(6)
    jobs, better, own_better = 400, 0, 0
    for _ in range(jobs):
        rows = runs(measure, DENSE, 0.0, tuple(random.normal(90, 1, 3)), kind="confirm")
        for family in ("sparse_wide", "sparse_doped"):
            for sparsity in (0.5, 0.75):
                rows += runs(measure, family, sparsity, tuple(random.normal(90, 1, 3)), kind="confirm")
        dense = aggregate_dense(rows)
        points, best = judge(aggregate(rows, {}), dense, ACCURACY)
        found = winner(points, dense, ACCURACY, best)
        assert found is not None
        assert found.picked_from == 4
        better += verdict(found.gain) == "better"
        own_better += verdict(next(b for b in best if b.family == "sparse_doped").point.gain) == "better"
    assert better / jobs <= 0.03
    assert own_better / jobs <= 0.04  # nominal: .025, standard error .008


def test_the_headline_tells_the_interval_of_the_comparison(measure: Measure) -> None:
    rows = runs(measure, DENSE, 0.0, (1.0, 1.2, 1.1), kind="confirm")
    rows += runs(measure, "sparse_wide", 0.5, (2.0, 2.2, 2.3), kind="confirm")
    rows += runs(measure, "sparse_doped", 0.5, (1.3, 1.2, 1.4), kind="confirm")
    rows += runs(measure, "sparse_doped", 0.75, (9.0, 1.0), kind="confirm", flop_ratio=1.1)
    rows += runs(measure, "sparse_doped", 0.9, (1.0, 1.4))
    dense = aggregate_dense(rows)
    points, best = judge(aggregate(rows, {}), dense, ACCURACY)
    found = winner(points, dense, ACCURACY, best)
    assert found is not None
    assert found.gain is not None
    assert dense is not None
    pool, noise = [contender_of(p) for p in points], job_noise(points, dense)
    bests = [contender_of(b.point) for b in best]
    told = compare(bests, contender_of_dense(dense), ACCURACY, pool=pool, noise=noise).comparisons[0]
    assert (told.difference, told.low, told.high) == (found.gain.mean, found.gain.low, found.gain.high)
    alone = compare(bests[:1], contender_of_dense(dense), ACCURACY, pool=pool, noise=noise)
    own = found.point.gain
    assert own is not None
    assert (alone.comparisons[0].low, alone.degrees) == (own.low, 4), "three configurations on three seeds"
    assert told.low is not None
    assert own.low is not None
    assert told.low < own.low


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_the_winners_gain_covers_at_least_as_often_as_it_says(measure: Measure, seeds: int, spread: float) -> None:
    """Two-sided, of the family that was picked by these very runs; Bonferroni's is conservative."""
    random, jobs, covered = np.random.default_rng(70 + seeds), 150, 0
    families = ("sparse_wide", "sparse_parallel", "sparse_factorized", "sparse_doped")
    for _ in range(jobs):
        common = random.normal(0, 1, seeds)
        rows = runs(measure, DENSE, 0.0, tuple(90 + common + random.normal(0, 1, seeds)), kind="confirm")
        truth = dict(zip(families, random.normal(0, spread, 4), strict=True))
        for family, gain in truth.items():
            rows += runs(measure, family, 0.5, tuple(90 + gain + common + random.normal(0, 1, seeds)), kind="confirm")
        dense = aggregate_dense(rows)
        points, best = judge(aggregate(rows, {}), dense, ACCURACY)
        found = winner(points, dense, ACCURACY, best)
        assert found is not None
        assert found.gain is not None
        assert found.gain.low is not None
        assert found.gain.high is not None
        covered += found.gain.low <= truth[found.family] <= found.gain.high
    assert covered / jobs >= 0.92, covered / jobs  # at least .95, standard error .018
