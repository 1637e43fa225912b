"""One Gaussian process over families."""

import numpy as np
import pytest

from worker.surrogate import LEVEL_VARIANCE, Kernel, Places, fit

DICE = np.random.default_rng(0)


def line(count: int, family: int = 0) -> Places:
    points = np.stack([np.linspace(0, 1, count), np.full(count, 0.5)], axis=1)
    return Places(points, np.full(count, family, dtype=np.int64))


def test_the_prior_covariance_by_hand() -> None:
    kernel = Kernel(length=1.0, share=0.5, noise_ratio=0.1)
    ends = line(2)
    near = np.exp(-0.5)  # of the sparsities; the schedules agree
    alike = kernel.between(ends, ends)
    assert alike[0, 0] == pytest.approx(1.0 + LEVEL_VARIANCE)
    assert alike[0, 1] == pytest.approx(0.6 * near + 0.25 + 0.15 * near + LEVEL_VARIANCE)
    apart = kernel.between(ends, line(2, family=1))
    assert apart[0, 0] == pytest.approx(0.5)
    assert apart[0, 1] == pytest.approx(0.5 * (0.75 * near + 0.25))


def test_it_finds_the_valley_of_a_noisy_parabola() -> None:
    places = line(13)
    true = 5 + 40 * (places.points[:, 0] - 0.7) ** 2
    surrogate = fit(places, true + DICE.normal(0, 1, 13), np.ones(13, dtype=np.int64))
    means, deviations = surrogate.at(places)
    assert abs(places.points[int(np.argmin(means)), 0] - 0.7) < 0.15
    assert np.sqrt(np.mean((means - true) ** 2)) < 1.0
    assert (deviations > 0).all()


def test_more_runs_of_one_place_make_it_surer() -> None:
    places, values = line(5), np.array([3.0, 1.0, 0.0, 1.0, 3.0])
    once = fit(places, values, np.ones(5, dtype=np.int64))
    often = fit(places, values, np.array([1, 1, 8, 1, 1]))
    assert often.at(places)[1][2] < once.at(places)[1][2]


def test_what_is_believed_changes_no_mean_and_makes_surer() -> None:
    places = line(6)
    surrogate = fit(places, np.array([3.0, 1.0, 0.0, 1.0, 3.0, 4.0]), np.ones(6, dtype=np.int64))
    asked = Places(np.array([[0.33, 0.5], [0.9, 0.2]]), np.array([0, 1]))
    believing = surrogate.believing(asked)
    np.testing.assert_allclose(believing.at(asked)[0], surrogate.at(asked)[0], atol=1e-9)
    assert (believing.at(asked)[1] < surrogate.at(asked)[1]).all()


def test_units_and_levels_do_not_matter() -> None:
    places = line(6)
    values = np.array([3.0, 1.0, 0.0, 1.0, 3.0, 4.0])
    counts = np.ones(6, dtype=np.int64)
    means, deviations = fit(places, values, counts).at(places)
    scaled_means, scaled_deviations = fit(places, 1000 * values + 5, counts).at(places)
    np.testing.assert_allclose(scaled_means, 1000 * means + 5)
    np.testing.assert_allclose(scaled_deviations, 1000 * deviations)


def test_equal_values_are_no_trouble() -> None:
    means, _ = fit(line(4), np.full(4, 7.0), np.ones(4, dtype=np.int64)).at(line(4))
    np.testing.assert_allclose(means, 7.0)
