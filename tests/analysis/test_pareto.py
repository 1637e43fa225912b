import json

import numpy as np
import pytest
from scipy import stats

from analysis.pareto import Candidate, pareto
from sparseift.records import Metric

ACCURACY = Metric("accuracy", "%", "maximize")
LOSS = Metric("bits_per_byte", "bits/byte", "minimize")


def candidate(key: str, cost: float, *values: float) -> Candidate:
    return Candidate(key, "sparse_wide", key, 0.5, 1.0, values, {"training_flops": cost})


def test_the_front_by_hand() -> None:
    found = pareto(
        [candidate("a", 1.0, 80.0), candidate("b", 2.0, 85.0), candidate("c", 3.0, 84.0), candidate("d", 4.0, 90.0)],
        ACCURACY,
        "training_flops",
    )
    assert [(p.key, p.is_front, p.dominated_by) for p in found.points] == [
        ("a", True, ""),
        ("b", True, ""),
        ("c", False, "b"),
        ("d", True, ""),
    ]
    assert found.points[2].status == "unknown", "without a repeated run there is no noise to judge by"
    assert found.points[2].front_probability is None
    assert json.loads(json.dumps(found.to_json()))["cost"] == "training_flops"


def test_lower_may_be_better() -> None:
    found = pareto([candidate("a", 1.0, 2.0), candidate("b", 2.0, 2.1)], LOSS, "training_flops")
    assert [p.is_front for p in found.points] == [True, False]


def test_equal_flops_are_equal_costs() -> None:
    found = pareto([candidate("a", 1.0, 80.0), candidate("b", 1.0005, 85.0)], ACCURACY, "training_flops")
    assert [(p.key, p.is_front) for p in found.points] == [("a", False), ("b", True)], "b is no dearer: within .1 %"
    apart = pareto([candidate("a", 1.0, 80.0), candidate("b", 1.0005, 85.0)], ACCURACY, "training_flops", tolerance=0)
    assert [p.is_front for p in apart.points] == [True, True]


def test_what_is_as_good_and_cheaper_dominates_and_twins_do_not() -> None:
    found = pareto(
        [candidate("a", 1.0, 80.0), candidate("b", 2.0, 80.0), candidate("c", 1.0, 80.0)], ACCURACY, "training_flops"
    )
    assert {p.key: p.is_front for p in found.points} == {"a": True, "b": False, "c": True}


def test_noise_tells_ties_from_the_dominated() -> None:
    found = pareto(
        [
            candidate("best", 1.0, 90.0, 90.2, 90.1),
            candidate("close", 2.0, 90.0, 90.1, 89.9),
            candidate("far", 2.0, 80.0, 80.1, 80.2),
        ],
        ACCURACY,
        "training_flops",
    )
    assert {p.key: p.status for p in found.points} == {"best": "front", "close": "tied", "far": "dominated"}
    chances = {p.key: p.front_probability for p in found.points}
    assert chances["best"] == 1.0, "nothing is as cheap"
    assert chances["close"] is not None
    assert 0.01 < chances["close"] < 0.5
    assert chances["far"] == 0.0
    # pooled s = .1 on 6 degrees of freedom: 2.447 · .1 / √3
    best = found.points[0]
    assert best.high is not None
    assert best.high - best.mean == pytest.approx(2.447 * 0.1 / np.sqrt(3), abs=1e-4)


def test_what_costs_an_unknown_amount_is_counted_and_left_out() -> None:
    found = pareto([candidate("a", 1.0, 80.0)], ACCURACY, "parameters")
    assert (found.points, found.without_cost) == ((), 1)
    assert pareto([], ACCURACY, "seconds").points == ()


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_intervals_cover_and_the_true_front_is_seldom_called_dominated(seeds: int) -> None:
    random, jobs = np.random.default_rng(seeds), 300
    truth = np.array([80.0, 80.0, 80.4, 80.4, 80.9])  # nobody truly dominated but by ties
    covered = wrong = 0
    for _ in range(jobs):
        found = pareto(
            [candidate(str(i), i + 1.0, *(truth[i] + random.normal(0, 1, seeds))) for i in range(5)],
            ACCURACY,
            "training_flops",
        )
        for p in found.points:
            assert p.low is not None
            assert p.high is not None
            covered += p.low <= truth[int(p.key)] <= p.high
            wrong += p.status == "dominated"
    assert 0.92 <= covered / (5 * jobs) <= 0.97
    assert wrong / (5 * jobs) < 0.04


def test_the_front_probability_of_two_by_hand() -> None:
    # Pooled s = 1 on 4 degrees: the difference .5 over s √(2/3) is .6124 of Student's t(4); under the flat prior the
    # dearer one is truly better with probability 1 − T(.6124) = .287
    found = pareto([candidate("a", 1.0, 9.5, 10.5, 11.5), candidate("b", 2.0, 9.0, 10.0, 11.0)], ACCURACY, "seconds")
    assert found.without_cost == 2
    found = pareto(
        [candidate("a", 1.0, 9.5, 10.5, 11.5), candidate("b", 2.0, 9.0, 10.0, 11.0)], ACCURACY, "training_flops"
    )
    cheap, dear = found.points
    assert cheap.front_probability == 1.0
    assert dear.front_probability == pytest.approx(float(stats.t.sf(0.5 / np.sqrt(2 / 3), 4)), abs=0.03)


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_what_is_on_the_front_with_probability_p_is_there_as_often(seeds: int) -> None:
    random, jobs = np.random.default_rng(30 + seeds), 150
    stated, true = [], []
    for _ in range(jobs):
        truth = 80 + random.normal(0, 2, 5)
        found = pareto(
            [candidate(str(i), i + 1.0, *(truth[i] + random.normal(0, 1, seeds))) for i in range(5)],
            ACCURACY,
            "training_flops",
        )
        stated += [p.front_probability for p in found.points[1:]]
        true += [truth[i] >= truth[:i].max() for i in range(1, 5)]
    assert np.mean(stated) == pytest.approx(np.mean(true), abs=0.05)
    sure = np.array(stated) > 0.9
    assert np.mean(np.array(true)[sure]) > 0.9
