import numpy as np
import pytest

from analysis.blocks import residual_noise
from analysis.seeds import MOST_SEEDS, sums


def test_sums_by_hand() -> None:
    # a on seeds 1, 2, b on 1 alone, the baseline on 1, 2, 3; means 11, 14, less their mean 12.5
    found = sums([{1: 10.0, 2: 12.0}, {1: 14.0}], [], [{1: 0.0, 2: 3.0, 3: 6.0}])
    both, alone = found.groups
    assert (both.members, both.runs, both.is_apart, both.means.tolist()) == ((0,), 2, False, [-1.5])
    assert (alone.members, alone.runs, alone.means.tolist()) == ((1,), 1, [1.5])
    assert (both.weights.tolist(), alone.weights.tolist()) == ([0.5, 0.5, 0.0], [1.0, 0.0, 0.0])
    # within a ±1, within the baseline −3 0 3; I − 1/2 on two seeds and I − 1/3 on three
    assert (found.squares, found.degrees, found.own_degrees) == (pytest.approx(2 + 18), 3, 0)
    assert found.weighted.tolist() == pytest.approx([-4.0, 1.0, 3.0])
    expected = [
        [1 / 2 + 2 / 3, -1 / 2 - 1 / 3, -1 / 3],
        [-1 / 2 - 1 / 3, 1 / 2 + 2 / 3, -1 / 3],
        [-1 / 3, -1 / 3, 2 / 3],
    ]
    assert found.contrasts == pytest.approx(np.array(expected))
    assert found.spread == pytest.approx(np.sqrt(20 / 3))


def test_what_no_other_run_shares_is_noise_of_its_own() -> None:
    found = sums([{1: 1.0, 2: 3.0}, {7: 5.0}], [], [])
    assert [g.is_apart for g in found.groups] == [True, True]
    assert (len(found.contrasts), found.own_squares, found.own_degrees) == (0, 2.0, 1)
    assert found.groups[0].noise(np.array([0.0, 2.0])).tolist() == [0.5, 2.5], "(1 + ratio²) / runs"
    # all of the spread is noise and seeds: σ² (1 + ratio²) = 2
    assert found.variances(np.array([0.5, 1.0, 2.0])).tolist() == pytest.approx([2 / 1.25, 1.0, 0.4])


def test_seeds_that_may_do_anything_are_least_squares() -> None:
    random = np.random.default_rng(0)
    table = [dict(enumerate(random.normal(0, 1, 4) + 5 * np.arange(4))) for _ in range(3)]
    found, residual = sums(table, [], []), residual_noise(table)
    assert residual is not None
    wide = float(found.variances(np.array([1e4]))[0])
    assert wide * found.degrees == pytest.approx(residual.sd**2 * residual.degrees, rel=1e-4)


def test_nothing_is_known_without_two_runs_that_differ() -> None:
    assert sums([{1: 1.0}, {1: 2.0}], [], [{5: 1.0}]).spread == 0.0
    assert sums([{1: 1.0, 2: 1.0}, {1: 2.0}], [], []).spread == 0.0


def test_hundreds_of_seeds_are_cut() -> None:
    many = [dict.fromkeys(range(100), 1.0), {3: 2.0}, dict.fromkeys(range(2), 3.0)]
    found = sums(many, [], [])
    assert len(found.weighted) == MOST_SEEDS
    assert sorted(g.runs for g in found.groups) == [1, 2, MOST_SEEDS]
