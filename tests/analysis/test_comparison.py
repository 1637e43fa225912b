import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from analysis.comparison import Contender, compare, contender_of, contender_of_dense
from analysis.measurement import Measurement
from analysis.points import aggregate, aggregate_dense
from analysis.statistics import Noise, t_quantile
from sparseift.records import DENSE, Metric

ACCURACY = Metric("accuracy", "%", "maximize")
LOSS = Metric("bits_per_byte", "bits/byte", "minimize")


def contender(key: str, values: Sequence[float], *, first: int = 0, ratio: float = 1.0) -> Contender:
    return Contender(key, key, 0.5, "", {first + i: v for i, v in enumerate(values)}, ratio, True)


BASE = contender(DENSE, (10.0, 100.0, 1000.0))
WIDE = contender("sparse_wide", (11.0, 102.0, 1003.0))


def test_one_against_dense_is_the_paired_t_interval() -> None:
    answer = compare([WIDE], BASE, ACCURACY)
    (found,) = answer.comparisons
    # differences 1, 2, 3: mean 2, half width 4.3027 / √3 = 2.4841
    assert (found.difference, found.method, found.seeds) == (pytest.approx(2.0), "blocked", 3)
    assert found.low == pytest.approx(2 - 2.4841, abs=1e-4)
    assert (found.verdict, answer.multiplicity, answer.intervals) == ("tie", "none", 1)
    (down,) = compare([WIDE], BASE, LOSS).comparisons
    assert down.difference == pytest.approx(-2.0), "positive is better"


def test_other_seeds_get_welchs_interval() -> None:
    a, b = contender("a", (2.0, 3.0, 4.0), first=10), contender(DENSE, (-1.0, 1.0, 3.0))
    (found,) = compare([a], b, ACCURACY).comparisons
    assert (found.difference, found.method) == (pytest.approx(2.0), "welch")
    assert found.high == pytest.approx(2 + t_quantile(50 / 17) * math.sqrt(5 / 3))


def test_unequal_flops_are_refused_with_both_ratios() -> None:
    answer = compare([replace(WIDE, flop_ratio=1.02), replace(WIDE, key="ok", flop_ratio=1.0009)], BASE, ACCURACY)
    kept, refused = answer.comparisons
    assert kept.refusal is None
    assert (kept.key, answer.intervals) == ("ok", 1), "what was refused costs the others nothing"
    assert refused.difference is refused.low is None
    assert refused.refusal is not None
    assert (refused.refusal.flop_ratio, refused.refusal.reference_flop_ratio) == (1.02, 1.0)
    assert refused.refusal.message == (
        "Its FLOPs are 1.0200 and the reference's 1.0000 of dense: they differ by 2.00 %, and only points within 0.1 % "
        "are compared."
    )


def test_several_families_hold_together_and_ties_are_named() -> None:
    dense = contender(DENSE, (90.0, 90.4, 90.1))
    shifts = {"a": (2.1, 1.9, 2.0), "b": (1.8, 1.9, 2.0), "c": (-3.0, -2.9, -3.1)}
    wobbly = [
        contender(key, [v + e for v, e in zip(dense.runs.values(), shift, strict=True)])
        for key, shift in shifts.items()
    ]
    answer = compare(wobbly, dense, ACCURACY)
    assert [c.key for c in answer.comparisons] == ["a", "b", "c"]
    assert [c.verdict for c in answer.comparisons] == ["better", "better", "worse"]
    assert (answer.multiplicity, answer.intervals, answer.ties, answer.degrees) == ("bonferroni", 3, ("a", "b"), 6)
    first = answer.comparisons[0]
    assert first.high is not None
    assert answer.residual_sd is not None
    # Bonferroni for three on 6 degrees of freedom: t at 1 − .05/6 is 3.287
    assert first.high - 2.0 == pytest.approx(3.287 * answer.residual_sd * math.sqrt(2 / 3), rel=1e-3)
    assert json.loads(json.dumps(answer.to_json()))["ties"] == ["a", "b"]


def test_runs_without_spread_borrow_the_jobs_noise_or_stay_unknown() -> None:
    a, b = contender("a", (91.0, 91.0)), contender(DENSE, (90.0, 90.0))
    (found,) = compare([a], b, ACCURACY).comparisons
    assert (found.low, found.method, found.verdict) == (None, "none", "unknown")
    (found,) = compare([a], b, ACCURACY, noise=Noise(0.3, 8)).comparisons
    assert found.high == pytest.approx(1.0 + 2.306 * 0.3, abs=1e-3)
    (single,) = compare([contender("a", (91.0,))], b, ACCURACY, noise=Noise(0.3, 8)).comparisons
    assert (single.difference, single.verdict) == (1.0, "unknown")
    assert compare([], b, ACCURACY).comparisons == ()


@pytest.mark.parametrize("noise", [None, Noise(0.0, 4)])
def test_runs_that_are_equal_by_chance_separate_nothing(noise: Noise | None) -> None:
    dense = contender(DENSE, (90.0, 90.0))
    answer = compare(
        [contender("a", (91.0, 91.0)), contender("b", (91.0, 91.0), first=7)], dense, ACCURACY, noise=noise
    )
    assert {c.verdict for c in answer.comparisons} == {"unknown"}
    assert answer.ties == (), "not even these two from each other: nothing is known of the noise"
    assert (answer.residual_sd, answer.degrees) == (None, 0)


def test_a_curves_points_are_contenders(measure: Callable[..., Measurement]) -> None:
    rows = [measure(DENSE, 0.0, i, 90.0 + i, "baseline") for i in (1, 2)]
    rows += [measure("sparse_wide", 0.5, i, 91.0 + i, "confirm", flop_ratio=0.9995) for i in (1, 2)]
    dense, (point,) = aggregate_dense(rows), aggregate(rows, {})
    assert dense is not None
    assert contender_of_dense(dense).runs == {1: 91.0, 2: 92.0}
    assert (contender_of(point).runs, contender_of(point).flop_ratio) == ({1: 92.0, 2: 93.0}, 0.9995)


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("shared", [0.0, 2.0])
def test_intervals_cover_as_often_as_they_say(seeds: int, shared: float) -> None:
    random, jobs = np.random.default_rng(seeds), 1500
    covered = {"one": 0, "together": 0, "welch": 0}
    effects = np.array([0.0, 0.5, 1.0, -1.0])
    for _ in range(jobs):
        common = random.normal(0, shared, seeds)  # what a seed does to all alike
        dense = contender(DENSE, common + random.normal(0, 1, seeds))
        sparse = [contender(k, e + common + random.normal(0, 1, seeds)) for k, e in zip("abcd", effects, strict=True)]
        other = contender("e", 0.7 + random.normal(0, 1.5 + shared, seeds), first=100)
        one, welch = (compare([c], dense, ACCURACY).comparisons[0] for c in (sparse[1], other))
        covered["one"] += holds(one.low, one.high, 0.5)
        covered["welch"] += holds(welch.low, welch.high, 0.7)
        truth = dict(zip("abcd", effects, strict=True))
        found = compare(sparse, dense, ACCURACY).comparisons
        covered["together"] += all(holds(c.low, c.high, truth[c.key]) for c in found)
    for name, count in covered.items():  # standard error .006
        assert 0.92 <= count / jobs <= 0.97, (name, count / jobs)


def holds(low: float | None, high: float | None, truth: float) -> bool:
    assert low is not None
    assert high is not None
    return bool(low <= truth <= high)


def test_the_seeds_that_would_show_the_difference_seen() -> None:
    # One of its standard errors at one pair, σ√2: 10 pairs see it with a power of .8 (Cohen 1988, table 2.4.1).
    dense = contender(DENSE, (90.0, 91.0))
    gap = math.sqrt(2)  # differences gap ± 1: their s is √2, a run's σ is 1
    (found,) = compare([contender("a", (90.0 + gap - 1, 91.0 + gap + 1))], dense, ACCURACY).comparisons
    assert (found.verdict, found.seeds, found.seeds_to_see) == ("tie", 2, 10)
    together = compare(
        [contender("a", (90.0 + gap - 1, 91.0 + gap + 1)), contender("b", (90.0, 91.0))], dense, ACCURACY
    )
    a, b = together.comparisons
    assert b.seeds_to_see is None, "no difference"
    assert a.seeds_to_see is not None
    (single,) = compare([contender("a", (95.0,))], contender(DENSE, (90.0,)), ACCURACY).comparisons
    assert single.seeds_to_see is None, "nothing is known of the noise"
