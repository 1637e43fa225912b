import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.curve import findings
from analysis.equivalence import DenseSize, Multiplier, _fit, dense_sizes, equivalence
from analysis.measurement import Measurement
from analysis.points import CurvePoint, aggregate
from analysis.statistics import t_quantile
from sparseift.records import DENSE, Metric

ACCURACY = Metric("accuracy", "%", "maximize")
LOSS = Metric("bits_per_byte", "bits/byte", "minimize")
LADDER = (1.0, math.sqrt(2), 2.0, 4.0)


def size(multiple: float, values: Sequence[float]) -> DenseSize:
    return DenseSize(multiple, float(np.mean(values)), None, None, dict(enumerate(values)))


def point(values: Sequence[float], *, first: int = 0, ratio: float = 1.0) -> CurvePoint:
    rows = [
        Measurement("sparse_wide", "key", 0.75, "confirm", first + i, v, None, ratio, 1e9, i)
        for i, v in enumerate(values)
    ]
    return aggregate(rows, {})[0]


def only(sizes: Sequence[DenseSize], values: Sequence[float], metric: Metric = ACCURACY, **more: float) -> Multiplier:
    (found,) = equivalence(sizes, [point(values, **more)], metric).multipliers  # type: ignore[arg-type]
    return found


def test_a_line_through_two_sizes_and_fiellers_ends() -> None:
    # 90 at 1×, 94 at 4×: 2 per doubling, so 92 is one doubling
    sizes = [size(1.0, (89.9, 90.0, 90.1)), size(4.0, (94.1, 93.9, 94.0))]
    answer = equivalence(sizes, [point((92.0, 92.1, 91.9))], ACCURACY)
    (found,) = answer.multipliers
    assert answer.coefficients == pytest.approx((90.0, 2.0))
    assert answer.gain_per_doubling == pytest.approx(2.0)
    assert found.value == pytest.approx(2.0)
    assert answer.degrees == 4  # (3 − 1)(3 − 1): all on the same seeds
    assert answer.residual_sd is not None
    for end in (found.low, found.high):  # each end solves (92 − 90 − 2u)² = t² σ² (1 + (1 − u/2)² + (u/2)²) / 3
        assert end is not None
        u = math.log2(end)
        variance = answer.residual_sd**2 * (1 + (1 - u / 2) ** 2 + (u / 2) ** 2) / 3
        assert abs(2 - 2 * u) == pytest.approx(t_quantile(4) * math.sqrt(variance), rel=5e-3)
    assert found.low < 2 < found.high  # type: ignore[operator]
    assert json.loads(json.dumps(answer.to_json()))["multipliers"][0]["key"] == "key"


def test_a_parabola_follows_a_power_law_and_lower_may_be_better() -> None:
    def law(multiple: float) -> float:
        return float(2.0 + 0.5 * multiple**-0.3)

    wiggle = np.array([1e-4, -1e-4, 0.0])
    sizes = [size(m, law(m) + np.roll(wiggle, i)) for i, m in enumerate(LADDER)]
    answer = equivalence(sizes, [point(law(2.6) + wiggle)], LOSS)
    assert answer.multipliers[0].value == pytest.approx(2.6, rel=0.01)
    assert answer.gain_per_doubling is not None
    assert answer.gain_per_doubling > 0, "positive is better"
    assert answer.is_monotone


def test_nothing_is_extrapolated() -> None:
    sizes = [size(1.0, (89.9, 90.0, 90.1)), size(2.0, (92.1, 91.9, 92.0))]
    above, below = only(sizes, (93.0, 93.1)), only(sizes, (89.0, 89.1))
    assert (above.value, above.low, above.high, above.reason) == (None, None, None, "above_range")
    assert above.message == "It is better than the largest dense model, at 2.00× the baseline's FLOPs."
    assert (below.value, below.reason) == (None, "below_range")
    level = only(sizes, (92.02, 92.1))  # above by .06, with a noise of .1 a run
    assert (level.value, level.low, level.high, level.reason) == (None, None, None, "level_with_largest")
    assert level.message == "Noise does not separate it from the largest dense model, at 2.00× the baseline's FLOPs."
    near = only(sizes, (91.9, 92.0, 91.95))
    assert near.value is not None
    assert near.low is not None
    assert near.high is None, "that end lies beyond the largest dense model"


def test_what_else_gives_no_multiplier() -> None:
    base, larger = size(1.0, (89.9, 90.0)), size(2.0, (92.1, 91.9))
    assert only([base], (91.0, 91.1)).reason == "too_few_dense_sizes"
    assert only([base], (91.0, 91.1)).message.startswith("Dense sizes with a result: 1;")
    assert only([base, size(2.0, (89.0, 89.1))], (91.0, 91.1)).reason == "not_monotone"
    assert only([base, larger, size(4.0, (91.0, 91.1))], (91.0, 91.1)).reason == "not_monotone"
    assert only([base, larger], (91.0, 91.1), ratio=1.01).reason == "not_iso_flop"
    assert only([size(1.0, (90.0,)), size(2.0, (92.0,))], (91.0,)).reason == "no_noise"
    assert equivalence([base], [], ACCURACY).coefficients == ()


def test_a_fit_that_misses_its_sizes_says_so() -> None:
    random = np.random.default_rng(2)
    straight = [size(m, 90 + math.log2(m) + random.normal(0, 0.1, 3)) for m in LADDER]
    crooked = [size(m, v + random.normal(0, 0.1, 3)) for m, v in zip(LADDER, (90, 92, 92.1, 94.5), strict=True)]
    good, bad = (equivalence(sizes, [], ACCURACY).lack_of_fit for sizes in (straight, crooked))
    assert good is not None
    assert bad is not None
    assert bad < 0.001 < good
    assert equivalence(straight[:3], [], ACCURACY).lack_of_fit is None, "a parabola goes through three"


def test_sizes_are_read_from_the_baseline_and_the_ladder(measure: Callable[..., Measurement]) -> None:
    rows = [measure(DENSE, 0.0, i, 90.0 + i, "baseline") for i in (1, 2)]
    rows += [measure(DENSE, 0.0, i, 93.0 + i, "ladder", schedule="×2", flop_ratio=2.01) for i in (1, 2)]
    rows += [measure("sparse_wide", 0.5, 1, 91.0)]
    small, large = dense_sizes(rows)
    assert (small.flop_multiple, small.runs) == (1.0, {1: 91.0, 2: 92.0})
    assert (large.flop_multiple, large.mean) == (pytest.approx(2.01), 94.5)


def rung(measure: Callable[..., Measurement], ratio: float, asked: float, *values: float, first: int = 0) -> list:  # type: ignore[type-arg]
    """Runs of one rung, on seeds from `first` on."""
    more: dict[str, Any] = {"schedule": f"×{asked}", "flop_ratio": ratio}
    return [measure(DENSE, 0.0, first + i, v, "ladder", **more) for i, v in enumerate(values)]


def test_rungs_that_came_out_as_one_width_are_one_size(measure: Callable[..., Measurement]) -> None:
    base = [measure(DENSE, 0.0, i, 90.0 + i / 10, "baseline") for i in (0, 1)]
    same = rung(measure, 1.0, 1.1, 90.0, 90.1, 90.5)  # the baseline's width: its runs again, and a seed more
    twice = rung(measure, 1.5411, 1.41, 92.0, 92.1) + rung(measure, 1.5412, 1.5, 92.3, first=7)
    small, large = dense_sizes([*twice, *same, *base])
    assert (small.flop_multiple, small.runs) == (1.0, {0: 90.0, 1: 90.1, 2: 90.5})
    assert (large.flop_multiple, large.runs) == (pytest.approx(1.5411), {0: 92.0, 1: 92.1, 7: 92.3})
    assert large.mean == pytest.approx((92.0 + 92.1 + 92.3) / 3)


@pytest.mark.parametrize("ladder", [((1.0, 1.1),), ((1.0, 1.1), (1.5411, 1.41), (1.5411, 1.5))])
def test_a_job_whose_rungs_coincide_has_answers(
    measure: Callable[..., Measurement], ladder: tuple[tuple[float, float], ...]
) -> None:
    rows = [measure(DENSE, 0.0, i, v, "baseline") for i, v in enumerate((90.0, 90.2, 90.1))]
    rows += [measure("sparse_wide", 0.75, i, v, "confirm") for i, v in enumerate((91.0, 91.3, 91.1))]
    for ratio, asked in ladder:
        rows += rung(measure, ratio, asked, *(90 + 4 * math.log2(ratio) + e for e in (0.0, 0.2, 0.1)))
    found = findings(ACCURACY, rows)
    assert [r.flop_multiple for r in found.ladder] == [1.5411] * (len(ladder) > 1), "the baseline is no rung of itself"
    points = [b.point for b in found.best]
    (multiplier,) = equivalence(dense_sizes(rows), points, ACCURACY).multipliers
    if len(ladder) == 1:
        assert (found.multiplier, multiplier.reason) == (None, "too_few_dense_sizes")
    else:
        assert multiplier.value == pytest.approx(
            2 ** ((91.1 + 1 / 30 - 90.1) / 4), rel=1e-3
        )  # a line of 4 per doubling


def test_sizes_that_are_given_twice_make_no_parabola() -> None:
    sizes = [size(1.0, (89.9, 90.0)), size(1.0, (90.1, 90.0)), size(4.0, (94.1, 93.9))]
    assert equivalence(sizes, [], ACCURACY).coefficients == pytest.approx((90.0, 2.0))
    assert equivalence(sizes[:2], [], ACCURACY).coefficients == ()


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("shared", [True, False])
def test_intervals_cover_as_often_as_they_say(seeds: int, shared: bool) -> None:
    random, jobs = np.random.default_rng(seeds), 700
    truth, noise = 2.1, 0.25

    def law(multiple: float) -> float:
        return float(80 - 8 * multiple**-0.3)

    covered = found = 0
    for _ in range(jobs):
        common = random.normal(0, 0.5, seeds) if shared else np.zeros(seeds)
        sizes = [size(m, law(m) + common + random.normal(0, noise, seeds)) for m in LADDER]
        sparse = law(truth) + common + random.normal(0, noise, seeds)
        answer = only(sizes, sparse, first=0 if shared else 100)
        if answer.value is not None:
            found += 1
            covered += (answer.low or 0.0) <= truth <= (answer.high or math.inf)
    assert found / jobs > 0.95
    assert 0.92 <= covered / found <= 0.97  # standard error .008


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_a_point_on_other_seeds_allows_for_what_those_of_the_ladder_do_to_all(seeds: int) -> None:
    random, jobs, covered, found = np.random.default_rng(40 + seeds), 400, 0, 0
    for _ in range(jobs):
        common, other = random.normal(0, 0.4, (2, seeds))
        sizes = [size(m, 80 - 8 * m**-0.3 + common + random.normal(0, 0.1, seeds)) for m in LADDER]
        answer = only(sizes, 80 - 8 * 2.0**-0.3 + other + random.normal(0, 0.1, seeds), first=100)
        if answer.value is not None:
            found += 1
            covered += (answer.low or 0.0) <= 2.0 <= (answer.high or math.inf)
    assert found / jobs > 0.9
    assert 0.92 <= covered / found <= 0.97  # standard error .011


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_drawn_fit_covers_as_often_as_its_covariance_says(seeds: int) -> None:
    """The band of the dense scaling at its own places: coefficients ± t · σ · √(x' C x)."""
    random, jobs, covered = np.random.default_rng(60 + seeds), 1000, []
    places = np.log2(LADDER)
    for _ in range(jobs):
        sizes = [size(m, 80 + 2 * math.log2(m) + random.normal(0, 0.3, seeds)) for m in LADDER]
        fit, answer = _fit(sizes, 1.0), equivalence(sizes, [], ACCURACY)
        assert fit is not None
        assert answer.residual_sd is not None
        design = np.vander(places, 3, increasing=True)
        half = t_quantile(answer.degrees) * answer.residual_sd * np.sqrt(np.diag(design @ fit.covariance @ design.T))
        covered.append(np.abs(design @ fit.coefficients - (80 + 2 * places)) <= half)
    assert 0.92 <= np.mean(covered) <= 0.97


def test_lack_of_fit_by_hand() -> None:
    # A parabola through means 0 1 1 3 at u = 0 1 2 3 misses by the contrast 1 −3 3 −1 (Σ² = 20): −3/20 of it, that is a
    # sum of squares of 2 · 9/20 with two runs each; within sizes ±.5, Σ² = 4 · .5 on 4: F = .9 / .5 on 1 and 4 degrees.
    means = (0.0, 1.0, 1.0, 3.0)
    sizes = [
        DenseSize(2.0**u, mean, None, None, {10 * u: mean - 0.5, 10 * u + 1: mean + 0.5})
        for u, mean in enumerate(means)
    ]
    assert equivalence(sizes, [], ACCURACY).lack_of_fit == pytest.approx(float(stats.f.sf(0.9 / 0.5, 1, 4)))


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_several_multipliers_hold_together(seeds: int) -> None:
    random, jobs, right = np.random.default_rng(8), 200, 0
    truths = {f"k{i}": m for i, m in enumerate((1.5, 1.8, 2.1, 2.6))}
    for _ in range(jobs):
        sizes = [size(m, 80 - 8 * m**-0.3 + random.normal(0, 0.2, seeds)) for m in LADDER]
        rows = [
            Measurement(key, key, 0.5, "confirm", seed, float(80 - 8 * m**-0.3 + random.normal(0, 0.2)), None, 1, 1, 1)
            for key, m in truths.items()
            for seed in range(seeds)
        ]
        answer = equivalence(sizes, aggregate(rows, {}), ACCURACY)
        assert answer.intervals == 4
        right += all((f.low or 0) <= truths[f.key] <= (f.high or math.inf) for f in answer.multipliers)
    assert right / jobs >= 0.92  # at least .95 together, standard error .015
