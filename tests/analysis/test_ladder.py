from collections.abc import Callable
from dataclasses import replace

import pytest

from analysis.best import FamilyBest, Winner, judge, winner
from analysis.curve import Curve, findings
from analysis.equivalence import dense_sizes
from analysis.ladder import DenseRung, equivalents, ladder, rivals
from analysis.measurement import Measurement
from analysis.points import CurvePoint, DensePoint, aggregate, aggregate_dense
from analysis.statistics import t_quantile
from sparseift.records import DENSE
from tests.analysis.conftest import ACCURACY, BITS, with_ladder

Measure = Callable[..., Measurement]
Judged = tuple[tuple[CurvePoint, ...], DensePoint | None, Winner | None, tuple[FamilyBest, ...]]


def judged(rows: list[Measurement]) -> Judged:
    dense = aggregate_dense(rows)
    points, best = judge(aggregate(rows, {}), dense, ACCURACY)
    return points, dense, winner(points, dense, ACCURACY, best), best


def rows_of(measure: Measure, wide: tuple[float, ...], larger: tuple[float, ...], kind: str = "confirm") -> list:  # type: ignore[type-arg]
    rows = [measure(DENSE, 0.0, i, v, "baseline") for i, v in enumerate((90.0, 90.4, 90.2))]
    rows += [measure("sparse_wide", 0.75, i, v, kind) for i, v in enumerate(wide)]
    return rows + [measure(DENSE, 0.0, i, v, "ladder", schedule="2", flop_ratio=2.0) for i, v in enumerate(larger)]


def test_the_winner_over_a_rung_by_hand(measure: Measure) -> None:
    rows = rows_of(measure, (92.0, 92.5, 92.2), (91.0, 91.3, 91.2))
    points, dense, first, _ = judged(rows)
    (rung,) = ladder(rows, points, dense, first, ACCURACY)
    assert (rung.name, rung.seeds, rung.values) == ("Dense 2×", (0, 1, 2), (91.0, 91.3, 91.2))
    assert rung.gain is not None
    assert rung.gain.mean == pytest.approx((1.0 + 1.2 + 1.0) / 3)
    # Least squares on three models and three seeds: residuals of the two-way table, 2 · 2 degrees of freedom.
    table = [(90.0, 90.4, 90.2), (92.0, 92.5, 92.2), (91.0, 91.3, 91.2)]
    means, seeds = [sum(r) / 3 for r in table], [sum(c) / 3 for c in zip(*table, strict=True)]
    middle = sum(means) / 3
    squares = sum((table[i][j] - means[i] - seeds[j] + middle) ** 2 for i in range(3) for j in range(3))
    half = t_quantile(4) * (squares / 4) ** 0.5 * (2 / 3) ** 0.5
    assert rung.gain.low == pytest.approx(rung.gain.mean - half)
    assert rung.gain.high == pytest.approx(rung.gain.mean + half)


def test_lower_may_be_better(states: dict[str, Curve]) -> None:
    small, _, large = states["ladder"].ladder
    assert small.gain is not None
    assert large.gain is not None
    assert small.gain.mean > 0 > large.gain.mean
    assert small.gain.clears_zero


def test_what_is_not_confirmed_is_held_against_no_rung(measure: Measure) -> None:
    rows = rows_of(measure, (92.0, 92.5), (91.0, 91.3), "search")
    points, dense, first, _ = judged(rows)
    assert [r.gain for r in ladder(rows, points, dense, first, ACCURACY)] == [None]
    assert ladder(rows[:3], (), dense, None, ACCURACY) == ()


def test_one_run_of_a_rung_has_no_interval(measure: Measure) -> None:
    rows = rows_of(measure, (92.0, 92.5), (91.0,))
    points, dense, first, _ = judged(rows)
    (rung,) = ladder(rows, points, dense, first, ACCURACY)
    assert (rung.low, rung.high) == (None, None)


def test_rivals_are_those_that_the_winner_was_picked_from(measure: Measure) -> None:
    rows = rows_of(measure, (92.0, 92.5, 92.2), (94.0, 94.3, 94.2))
    rows += [measure("sparse_wide", 0.5, i, v, "confirm") for i, v in enumerate((91.0, 91.3, 91.1))]
    rows += [measure("sparse_doped", 0.5, i, 93.9 + 0.1 * i, "search") for i in range(2)]  # lucky, and provisional
    points, _, first, best = judged(rows)
    assert first is not None
    found = rivals(points, best)
    assert [p.sparsity for p in found] == [0.75, 0.5]
    assert len(found) == first.picked_from
    answer = equivalents(dense_sizes(rows), points, best, ACCURACY)
    assert [(m.family, m.confirmed) for m in answer.multipliers] == [
        ("sparse_wide", True), ("sparse_wide", True), ("sparse_doped", False),
    ]  # fmt: skip
    assert answer.intervals == first.picked_from
    told = findings(ACCURACY, rows).multiplier
    assert told == answer.multipliers[0], "the headline's multiplier is the page's, interval and all"


def test_provisional_bests_are_told_where_nothing_is_confirmed(measure: Measure) -> None:
    rows = rows_of(measure, (92.0, 92.5, 92.2), (94.0, 94.3, 94.2), "search")
    points, _, _, best = judged(rows)
    (only,) = equivalents(dense_sizes(rows), points, best, ACCURACY).multipliers
    assert (only.confirmed, only.value is not None) == (False, True)
    assert findings(ACCURACY, rows).multiplier is None


def test_names() -> None:
    rung = DenseRung(1.4142, 1.0, None, None, (1,), (1.0,))
    assert rung.name == "Dense 1.41×"
    assert replace(rung, flop_multiple=4.0).name == "Dense 4×"


def test_order_does_not_matter(measure: Measure) -> None:
    rows = with_ladder(measure)
    one, two = findings(BITS, rows), findings(BITS, rows[::-1])
    assert one.ladder == two.ladder
    assert one.multiplier == two.multiplier
