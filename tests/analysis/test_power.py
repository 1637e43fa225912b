import numpy as np
import pytest

from analysis.blocks import residual_noise
from analysis.power import power, seeds_to_see
from analysis.statistics import t_quantile


def test_power_without_an_effect_is_half_the_error() -> None:
    assert power(0.0, 1.0, 5) == pytest.approx(0.025, abs=1e-9)  # the half that says "better"


def test_the_printed_sample_size() -> None:
    # a paired difference of one of its standard deviations (σ√2) at 80 %: n = 10 pairs (Cohen 1988, table 2.4.1)
    assert seeds_to_see(np.sqrt(2), 1.0) == 10
    assert power(np.sqrt(2), 1.0, 10) == pytest.approx(0.803, abs=1e-3)


def test_more_configurations_on_the_same_seeds_see_more_and_more_comparisons_less() -> None:
    assert power(2.0, 1.0, 3, configurations=5) > power(2.0, 1.0, 3)
    assert power(2.0, 1.0, 3, configurations=5, comparisons=4) < power(2.0, 1.0, 3, configurations=5)


def test_what_no_number_of_seeds_shows() -> None:
    assert seeds_to_see(0.0, 1.0) is None
    assert seeds_to_see(1e-4, 1.0) is None
    with pytest.raises(ValueError, match="at least 2 seeds"):
        power(1.0, 1.0, 1)


@pytest.mark.parametrize(("effect", "configurations"), [(1.0, 2), (2.0, 5)])
def test_simulated_jobs_see_the_difference_as_often_as_promised(effect: float, configurations: int) -> None:
    random, jobs = np.random.default_rng(11), 2000
    seeds = seeds_to_see(effect, 1.0, configurations=configurations)
    assert seeds is not None
    assert power(effect, 1.0, seeds - 1, configurations=configurations) < 0.8
    seen = 0
    for _ in range(jobs):
        runs = random.normal(0, 1, (configurations, seeds)) + random.normal(0, 3, seeds)
        runs[1] += effect
        noise = residual_noise([dict(enumerate(row)) for row in runs])
        assert noise is not None
        seen += runs[1].mean() - runs[0].mean() > t_quantile(noise.degrees) * noise.sd * np.sqrt(2 / seeds)
    expected = power(effect, 1.0, seeds, configurations=configurations)
    assert seen / jobs == pytest.approx(expected, abs=0.027)  # three standard errors
