"""The bias of a best that was picked by its own runs, and that fresh seeds have none."""

from collections.abc import Callable

import numpy as np

from analysis.best import judge
from analysis.measurement import Measurement
from analysis.points import aggregate
from sparseift.records import Metric

ACCURACY = Metric("accuracy", "%", "maximize")


def test_the_best_of_many_single_runs_is_overstated_and_its_confirmation_is_not(
    measure: Callable[..., Measurement],
) -> None:
    random, jobs = np.random.default_rng(3), 300
    levels = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9)
    raw, confirmed = [], []
    for _ in range(jobs):
        truth = dict(zip(levels, 90 + random.normal(0, 0.5, len(levels)), strict=True))
        search = [measure("sparse_wide", s, 1, float(truth[s] + random.normal())) for s in levels]
        _, (found,) = judge(aggregate(search, {}), None, ACCURACY)
        raw.append(found.point.mean - truth[found.point.sparsity])
        chosen = found.point.sparsity
        fresh = [measure("sparse_wide", chosen, 100 + i, float(truth[chosen] + random.normal()), "confirm") for i in (1, 2, 3)]  # fmt: skip  # noqa: E501
        _, (found,) = judge(aggregate(search + fresh, {}), None, ACCURACY)
        assert found.point.confirmed
        assert len(found.point.values) == 3, "the lucky run is no part of what is reported"
        confirmed.append(found.point.mean - truth[chosen])
    assert np.mean(raw) > 0.8  # 1.4 standard deviations of the best of eight, less what was real
    assert abs(np.mean(confirmed)) < 3 / np.sqrt(3 * jobs)  # three standard errors around no bias
