"""Jobs in every state, from made-up runs whose numbers are fixed."""

from collections.abc import Callable, Mapping

import pytest

from analysis.curve import Curve, curve
from analysis.measurement import Kind, Measurement
from sparseift.records import DENSE, Configuration, Metric, Plan, Point

BITS = Metric("bits_per_byte", "bits/byte", "minimize")
ACCURACY = Metric("accuracy", "%", "maximize")
# Deviations of seeds, made up, that sum to zero for three seeds.
NOISE = (0.004, -0.006, 0.002)
SURFACE = {  # family -> sparsity -> validation bits/byte
    "sparse_wide": {0.5: 2.071, 0.75: 2.052, 0.9: 2.066, 0.95: 2.087},
    "sparse_parallel": {0.5: 2.081, 0.75: 2.073, 0.9: 2.079, 0.95: 2.096},
    "sparse_factorized": {0.5: 2.088, 0.75: 2.084, 0.9: 2.076, 0.95: 2.099},
    "sparse_doped": {0.5: 2.085, 0.75: 2.099, 0.9: 2.118, 0.95: 2.143},
}
BEST = {"sparse_wide": 0.75, "sparse_parallel": 0.75, "sparse_factorized": 0.9, "sparse_doped": 0.5}


def plan(metric: Metric = BITS) -> Plan:
    """A plan of which analysis reads the metric and dense's FLOPs."""
    dense = Point(DENSE, 0.0, True, flop_ratio=1.0)
    return Plan(metric, 300, 32, dense, (), 1.5e13, 1 << 28)


@pytest.fixture
def measure() -> Callable[..., Measurement]:
    """Builds one measurement; everything but family, sparsity, seed and value has a default."""
    ids = iter(range(1, 100_000))

    def build(
        family: str,
        sparsity: float,
        seed: int,
        value: float,
        kind: Kind = "search",
        *,
        schedule: str = "",
        test_value: float | None = None,
        flop_ratio: float = 1.0,
    ) -> Measurement:
        key = f"{Configuration(family, sparsity).key}{schedule}"
        return Measurement(family, key, sparsity, kind, seed, value, test_value, flop_ratio, 1.5e13, next(ids))

    return build


def _dense(measure: Callable[..., Measurement], kind: Kind, seeds: tuple[int, ...]) -> list[Measurement]:
    return [
        measure(DENSE, 0.0, seed, 2.094 + e / 2, kind, test_value=2.11 + e)
        for seed, e in zip(seeds, NOISE, strict=False)
    ]


def searched(measure: Callable[..., Measurement]) -> list[Measurement]:
    """A finished search: dense on two seeds, every sparsity once, some with a second schedule or seed."""
    rows = _dense(measure, "baseline", (1, 2))
    for f, (family, curve_) in enumerate(SURFACE.items()):
        for i, (sparsity, value) in enumerate(curve_.items()):
            rows.append(measure(family, sparsity, 10 + i, value + NOISE[(i + f) % 3], flop_ratio=1 + 2e-4 * (i - 1)))
            if (i + f) % 2 == 0:
                rows.append(measure(family, sparsity, 10 + i, value + 0.009 + NOISE[f % 3], schedule="b"))
            if i == 1:
                rows.append(measure(family, sparsity, 30 + i, value - NOISE[f % 3]))
    return rows


def confirmed(measure: Callable[..., Measurement]) -> list[Measurement]:
    """The search with each family's best and dense repeated on three fresh seeds."""
    rows = searched(measure) + _dense(measure, "confirm", (101, 102, 103))
    for f, (family, sparsity) in enumerate(BEST.items()):
        value = SURFACE[family][sparsity] + 0.003
        for k, seed in enumerate((101, 102, 103)):
            noisy = value + NOISE[(k + f) % 3]
            rows.append(measure(family, sparsity, seed, noisy, "confirm", test_value=noisy + 0.016))
    return rows


LADDER = {1.41: 2.070, 2.0: 2.048, 4.0: 2.005}  # multiple of dense's FLOPs -> validation bits/byte


def with_ladder(measure: Callable[..., Measurement]) -> list[Measurement]:
    """The confirmed search with three larger dense models on the same fresh seeds."""
    rows = confirmed(measure)
    for f, (multiple, value) in enumerate(LADDER.items()):
        for k, seed in enumerate((101, 102, 103)):
            noisy = value + NOISE[(k + f) % 3] / 2
            rows.append(measure(DENSE, 0.0, seed, noisy, "ladder", schedule=f"×{multiple}", flop_ratio=multiple))
    return rows


def ended(
    measure: Callable[..., Measurement], wide: tuple[float, ...], planned: int | None, counts: Mapping[str, int]
) -> Curve:
    """A job that has ended, with dense on three seeds and Wide confirmed on as many as it has values."""
    rows = [measure(DENSE, 0.0, i, v, "baseline") for i, v in enumerate((90.0, 90.4, 90.1))]
    rows += [measure("sparse_wide", 0.75, i, v, "confirm") for i, v in enumerate(wide)]
    return curve("job", "name", ACCURACY, plan(ACCURACY), rows, counts=counts, confirm_seeds=planned)


@pytest.fixture
def states(measure: Callable[..., Measurement]) -> dict[str, Curve]:
    """Curves: empty, dense alone, partial (provisional), confirmed, one with a point that is not iso-FLOP, and one with
    a ladder of larger dense models."""
    search, final, larger = searched(measure), confirmed(measure), with_ladder(measure)
    off = [*final, measure("sparse_doped", 0.75, 50, 2.03, schedule="off", flop_ratio=1.02)]
    names = "Small GPT on State of the Union"

    def make(rows: list[Measurement], counts: dict[str, int], expected: int | None = None) -> Curve:
        origin = {"model": "gpt", "data set": "sotu", "code": "0.1.0"}
        keys = {r.configuration_key for r in rows if r.family != DENSE}
        rigl = {"method": "rigl", "delta_t_steps": 100, "drop_fraction": 0.3, "anneal": "cosine"}
        schedules = {
            key: {"schedule": {**rigl, "t_end_fraction": 0.75, "distribution": "uniform"}}
            if key.endswith("b")
            else {"schedule": {"method": "static", "distribution": "uniform"}}
            for key in keys
        }
        return curve(
            "job_01", names, BITS, plan(), rows,
            counts=counts, expected_runs=expected, configurations=schedules, provenance=origin,
        )  # fmt: skip

    return {
        "empty": make([], {"waiting": 2}, 45),
        "dense": make(search[:2], {"complete": 2, "waiting": 2}, 45),
        "partial": make(search[:14], {"complete": 14, "running": 2, "failed": 1}, 45),
        "confirmed": make(final, {"complete": len(final), "failed": 1}, len(final) + 1),
        "off": make(off, {"complete": len(off)}),
        "ladder": make(larger, {"complete": len(larger)}),
    }
