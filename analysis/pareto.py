"""Who is better for the same cost, or as good for less: the Pareto front over a cost and the metric."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from analysis.labels import family_name
from analysis.measurement import Cost, Measurement
from analysis.points import ISO_FLOP_TOLERANCE, reported
from analysis.statistics import Noise, pooled_noise, t_quantile
from analysis.units import percent
from sparseift.records import DENSE, Metric

COSTS: dict[Cost, str] = {
    "forward_flops": "forward FLOPs per sample, non-zeros only",
    "executed_flops": "forward FLOPs per sample that masked-dense kernels execute",
    "training_flops": "training FLOPs of one run, mask updates included",
    "parameters": "stored parameters",
    "nonzero_parameters": "parameters that are not masked",
    "seconds": "seconds of training of one run",
}
MOST_DRAWS, FEWEST_DRAWS = 4_000, 1_000  # the Monte Carlo error of a probability is below .008; of thousands, .016
NUMBERS = 8_000_000  # that are drawn at most, within these bounds
AT_ONCE = 500  # of them, so that thousands of points fit the memory

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration that may lie on the front.

    Attributes:
        key: the configuration's; label: for people.
        values: validation metric of the runs that are reported.
        costs: of one run or model, by kind; a kind may be missing.
    """

    key: str
    family: str
    label: str
    sparsity: float
    flop_multiple: float
    values: tuple[float, ...]
    costs: Mapping[Cost, float]


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """A candidate and its place.

    Attributes:
        cost: of the answer's kind. mean, low, high: with the 95 % interval of the job's pooled noise; None without one.
        is_front: by the means, no other is at least as cheap and as good and either cheaper or better.
        dominated_by: the key of the best of those that are no dearer and better; "" on the front.
        status: "front"; "tied": dominated by the means alone, no cheaper or equally cheap one is better beyond noise;
            "dominated"; "unknown" where it is dominated and there is no noise to judge by.
        front_probability: posterior, that no other which costs as much or less is truly better; None without noise.
    """

    key: str
    family: str
    label: str
    sparsity: float
    flop_multiple: float
    cost: float
    mean: float
    low: float | None
    high: float | None
    seeds: int
    is_front: bool
    dominated_by: str
    status: Literal["front", "tied", "dominated", "unknown"]
    front_probability: float | None


@dataclass(frozen=True, slots=True)
class ParetoAnswer:
    """The front over one cost.

    Attributes:
        points: by rising cost. Costs within `cost_tolerance` (a fraction) of each other count as equal.
        without_cost: how many candidates were left out because this cost of theirs is not known.
        residual_sd, degrees: of the seed noise pooled over all candidates.
    """

    metric: Metric
    cost: Cost
    cost_unit: str
    cost_tolerance: float
    points: tuple[ParetoPoint, ...]
    without_cost: int
    residual_sd: float | None
    degrees: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def candidates(
    measurements: Sequence[Measurement], costs: Mapping[int, Mapping[Cost, float]], schedules: Mapping[str, str]
) -> tuple[Candidate, ...]:
    """Every configuration of a job, dense and its ladder included, with the runs that a curve reports.

    Args:
        costs: of each trial by its id; a configuration's are the means over its runs, where all know them.
        schedules: mask schedules in words by configuration key, for labels.
    """
    groups: dict[str, list[Measurement]] = {}
    for m in measurements:
        groups.setdefault(m.configuration_key, []).append(m)
    found = []
    for key, rows in sorted(groups.items()):
        _, runs = reported(rows)
        first, of_runs = runs[0], [costs.get(r.trial_id, {}) for r in runs]
        known = {c: sum(o[c] for o in of_runs) / len(runs) for c in COSTS if all(c in o for o in of_runs)}
        multiple = sum(r.flop_ratio for r in runs) / len(runs)
        name = family_name(first.family)
        if first.family != DENSE:
            words = (f"{name} {percent(first.sparsity)}", schedules.get(key, ""))
        else:
            words = (name if first.kind != "ladder" else f"{name} {multiple:.2f}×", "")
        label = ", ".join(word for word in words if word)
        values = tuple(r.value for r in runs)
        found.append(Candidate(key, first.family, label, first.sparsity, multiple, values, known))
    return tuple(found)


def pareto(
    candidates: Sequence[Candidate], metric: Metric, cost: Cost, *, tolerance: float = ISO_FLOP_TOLERANCE
) -> ParetoAnswer:
    """The front over a cost.

    Assumes one normal seed noise for all candidates, pooled (one-way analysis of variance), independent between them.
    A dominated point is called so where one that is no dearer is better by more than a one-sided two-sample t-test at
    2.5 %, allowing for all that are no dearer (Bonferroni). Probabilities take a flat prior on means. The best of many
    single runs is lucky: a front of them flatters itself, so every point says how many seeds it rests on.
    """
    known = sorted((c for c in candidates if cost in c.costs), key=lambda c: (c.costs[cost], c.key))
    sign = 1.0 if metric.direction == "maximize" else -1.0
    noise = pooled_noise([c.values for c in known])
    if noise is not None and noise.sd == 0:
        noise = None
    costs = np.array([c.costs[cost] for c in known])
    means = np.array([sign * float(np.mean(c.values)) for c in known])
    runs = np.array([len(c.values) for c in known], dtype=float)
    ends = np.searchsorted(costs, costs * (1 + tolerance), side="right")  # rivals of i, no dearer: those before ends[i]
    chances = _chances(means, runs, ends, noise) if noise is not None and known else None
    points = []
    for i, c in enumerate(known):
        end = int(ends[i])
        strictly = costs[:end] < costs[i] * (1 - tolerance)
        over = (means[:end] > means[i]) | ((means[:end] == means[i]) & strictly)
        is_front = not over.any()
        status: Literal["front", "tied", "dominated", "unknown"] = "front" if is_front else "unknown"
        half = None
        if noise is not None:
            half = t_quantile(noise.degrees) * noise.sd / np.sqrt(runs[i])
            if not is_front:
                bar = t_quantile(noise.degrees, end - 1) * noise.sd * np.sqrt(1 / runs[i] + 1 / runs[:end])
                status = "dominated" if np.any(means[:end] - means[i] > bar) else "tied"
        mean = sign * float(means[i])
        by = "" if is_front else known[int(np.argmax(np.where(over, means[:end], -np.inf)))].key
        points.append(
            ParetoPoint(
                c.key, c.family, c.label, c.sparsity, c.flop_multiple, float(costs[i]), mean,
                None if half is None else float(mean - half), None if half is None else float(mean + half),
                len(c.values), is_front, by, status, chances[i] if chances else None,
            )
        )  # fmt: skip
    return ParetoAnswer(
        metric, cost, COSTS[cost], tolerance, tuple(points), len(candidates) - len(known),
        noise.sd if noise else None, noise.degrees if noise else 0,
    )  # fmt: skip


def _chances(means: Floats, runs: Floats, ends: "np.ndarray[Any, np.dtype[np.int64]]", noise: Noise) -> list[float]:
    """For each point, in the order of rising cost, the posterior probability that none before its end is better."""
    random = np.random.default_rng(0)
    wins = np.zeros(len(means))
    draws = AT_ONCE * (min(MOST_DRAWS, max(FEWEST_DRAWS, NUMBERS // len(means))) // AT_ONCE)
    for _ in range(draws // AT_ONCE):
        sd = noise.sd * np.sqrt(noise.degrees / random.chisquare(noise.degrees, size=(AT_ONCE, 1)))
        drawn = means + sd / np.sqrt(runs) * random.standard_normal((AT_ONCE, len(means)))  # (draws, points)
        wins += (drawn >= np.maximum.accumulate(drawn, axis=1)[:, ends - 1]).sum(axis=0)
    return [float(w) / draws for w in wins]
