import math

import numpy as np
import pytest

from analysis.churn import associations
from analysis.measurement import MaskHistory
from sparseift.records import Metric

ACCURACY = Metric("accuracy", "%", "maximize")
LOSS = Metric("bits_per_byte", "bits/byte", "minimize")


def history(value: float, itop: float | None, churn: float | None = None, sparsity: float = 0.5) -> MaskHistory:
    return MaskHistory(0, "sparse_wide", sparsity, 0, value, churn, itop)


def test_spearman_by_hand() -> None:
    # ranks 1 2 3 4 5 against 2 1 4 3 5: Σd² = 4, ρ = 1 − 6 · 4 / (5 · 24) = .8
    rows = [history(v, i) for v, i in zip((2.0, 1.0, 4.0, 3.0, 5.0), (0.1, 0.2, 0.3, 0.4, 0.9), strict=True)]
    itop, churn = associations(rows, ACCURACY)
    assert itop.correlation == pytest.approx(0.8)
    # z = 1.0986, standard error √(1.32 / 2) = .8124: tanh(1.0986 ± 1.5923)
    assert itop.low == pytest.approx(math.tanh(1.0986 - 1.5923), abs=1e-3)
    assert itop.high == pytest.approx(math.tanh(1.0986 + 1.5923), abs=1e-3)
    assert (itop.runs, itop.groups) == (5, 1)
    assert (churn.correlation, churn.runs) == (None, 0)
    assert associations(rows, LOSS)[0].correlation == pytest.approx(-0.8), "positive is better"


def test_what_sparsity_does_to_both_is_no_association() -> None:
    random = np.random.default_rng(0)
    rows = []
    for sparsity in (0.5, 0.7, 0.9):
        rows += [history(90 - 50 * sparsity + random.normal(), 1 - sparsity, 0.2, sparsity) for _ in range(10)]
        rows = [*rows[:-10], *(history(r.value, (r.itop or 0) + random.normal(0, 0.01), 0.2, sparsity) for r in rows[-10:])]  # fmt: skip  # noqa: E501
    found = associations(rows, ACCURACY)[0]
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high
    assert (found.runs, found.groups) == (30, 3)
    assert associations(rows, ACCURACY)[1].correlation is None, "churn was the same in all"


def test_too_few_runs_say_nothing() -> None:
    rows = [history(float(v), 0.1 * v) for v in range(4)] + [history(1.0, 0.5, sparsity=0.9)]
    assert associations(rows, ACCURACY)[0].correlation is None
    assert associations([], ACCURACY)[0].runs == 0


@pytest.mark.parametrize("runs", [5, 10, 20])
@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_intervals_cover_as_often_as_they_say(runs: int, rho: float) -> None:
    # of bivariate normal values with correlation r, Spearman's is (6/π) · asin(r/2) (Pearson 1907)
    random, jobs = np.random.default_rng(runs), 800
    truth = 6 / math.pi * math.asin(rho / 2)
    covered = 0
    for _ in range(jobs):
        itop = random.normal(size=runs)
        values = rho * itop + math.sqrt(1 - rho**2) * random.normal(size=runs)
        found = associations([history(v, i) for v, i in zip(values, itop, strict=True)], ACCURACY)[0]
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= truth <= found.high
    # standard error .008; fewer than five have no interval, and of five equally likely orders the extreme ones are rare
    assert 0.92 <= covered / jobs <= (0.97 if runs > 5 else 0.99)


@pytest.mark.parametrize("size", [3, 5, 10])
def test_intervals_over_groups_cover_as_often_as_they_say(size: int) -> None:
    random, jobs, covered = np.random.default_rng(size), 400, 0
    truth = 6 / math.pi * math.asin(0.6 / 2)
    for _ in range(jobs):
        rows = []
        for sparsity in (0.5, 0.7, 0.8, 0.9):
            itop = random.normal(size=size)
            values = 50 * sparsity + 0.6 * itop + 0.8 * random.normal(size=size)
            rows += [history(v, i, sparsity=sparsity) for v, i in zip(values, itop, strict=True)]
        found = associations(rows, ACCURACY)[0]
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / jobs <= 0.985, covered / jobs  # standard error .011
