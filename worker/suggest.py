"""What to try next in a family, as a pure function of a job's earlier proposals and a seed.

Up to `LARGEST` configurations: a family's first `FIRST` proposals and every other one after them are spread over its
space; the rest have the largest expected improvement (Jones et al., "Efficient Global Optimization", 1998) on the
family's best under one Gaussian process over all families. So much is explored because a process chooses the answer: it
learns from the worst run too. Beyond, where that gets slow: Optuna's TPE; a study
is rebuilt in memory, asked once, thrown away. The family is no parameter of either: `worker.turns` says whose trial it
is, and a parameter fixed by `optuna.samplers.PartialFixedSampler` never reaches TPE's estimators anyway.

Regret of the final answer against TPE and random search: benchmarks/results/search.txt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import TrialState
from scipy.special import ndtr

from sparseift.records import Configuration, Plan, Space
from worker.layout import Layout, configuration_of, coordinates, drawn, layout_of, neighbours, rows_of
from worker.outliers import limits
from worker.space import Axis, indices, walk
from worker.surrogate import Places, Surrogate, fit

LARGEST = 256  # different configurations that the Gaussian process is asked about
DRAWN = 200  # random candidates, beside those already tried and the neighbours of the best
FIRST = 2  # proposals of a family that are spread, before spread and improvement alternate
SPREAD = 20  # random candidates, of which the one farthest from what was tried is taken: more would seek corners only
SPARSITY_WEIGHT = 4.0  # of the sparsity in that squared distance
TOP = 3  # of a family's configurations, whose neighbours are candidates

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a proposal knows of an earlier one.

    Attributes:
        outcome: "measured" with a value; "bad" ranks behind every measured one (it failed by its own fault);
            "unknown" is still running, or is not yet to be looked at.
    """

    configuration: Configuration
    outcome: Literal["measured", "bad", "unknown"]
    value: float | None = None


def centred(earlier: Sequence[Seen]) -> list[Seen]:
    """The same with each value less the mean of its family's, so that TPE learns within families and not between them.

    Else the best trials of the study are nearly all of one family, and the others learn nothing about their sparsity:
    mean regret of .29 against .32 points after 48 trials (benchmarks/results/strategies.txt).
    """
    values: dict[str, list[float]] = {}
    for seen in earlier:
        if seen.value is not None:
            values.setdefault(seen.configuration.family, []).append(seen.value)
    means = {family: sum(measured) / len(measured) for family, measured in values.items()}
    return [
        seen if seen.value is None else replace(seen, value=seen.value - means[seen.configuration.family])
        for seen in earlier
    ]


def suggest(space: Space, plan: Plan, family: str, earlier: Sequence[Seen], *, seed: int) -> Configuration:
    """The next configuration of a family, given the earlier proposals of the job by number and a seed."""
    if len({seen.configuration for seen in earlier}) > LARGEST:
        return by_tpe(space, plan, family, centred(limited(plan, earlier)), seed=seed)
    mine = list(dict.fromkeys(seen.configuration for seen in earlier if seen.configuration.family == family))
    turn = sum(seen.configuration.family == family for seen in earlier)
    if turn < FIRST or turn % 2 == 0:
        return spread(space, plan, family, mine, seed=seed)
    return by_improvement(space, plan, family, earlier, seed=seed)


def spread(space: Space, plan: Plan, family: str, tried: Sequence[Configuration], *, seed: int) -> Configuration:
    """A random configuration of the family, far from those tried already."""
    layout = layout_of(space, plan, family)
    candidates = drawn(layout, SPREAD, np.random.default_rng(seed))
    if not tried:
        return configuration_of(space, plan, layout, candidates[0])
    a, b = coordinates(layout, candidates), coordinates(layout, rows_of(layout, tried))
    weights = np.ones(a.shape[1])
    weights[0] = SPARSITY_WEIGHT
    nearest = (((a[:, None, :] - b[None, :, :]) ** 2) @ weights).min(axis=1)
    return configuration_of(space, plan, layout, candidates[int(np.argmax(np.round(nearest, 9)))])


def by_improvement(space: Space, plan: Plan, family: str, earlier: Sequence[Seen], *, seed: int) -> Configuration:
    """As `suggest`, by expected improvement; at random while nothing of the family was measured.

    What failed by its own fault counts as the worst of its family; what is unknown as if it had met expectations.
    """
    dice = np.random.default_rng(seed)
    layout = layout_of(space, plan, family)
    fresh = drawn(layout, DRAWN, dice)
    mine = [c for c in losses(plan, earlier)[0] if c.family == family]
    if not mine:
        return configuration_of(space, plan, layout, fresh[0])
    surrogate = believed(space, plan, earlier)
    tried = rows_of(layout, mine)
    expected, _ = surrogate.at(places_in(plan, layout, tried))
    best = np.argsort(expected, kind="stable")[:TOP]
    near = [neighbours(layout, tried[i], dice) for i in best]
    candidates = np.concatenate([tried, *near, fresh])
    gains = improvement(surrogate, places_in(plan, layout, candidates), float(expected.min()))
    # Rounded, so that the last bits of a sum cannot decide between equals: the first of them is taken.
    return configuration_of(space, plan, layout, candidates[int(np.argmax(np.round(gains / surrogate.spread, 9)))])


def believed(space: Space, plan: Plan, earlier: Sequence[Seen]) -> Surrogate:
    """The process over all families after what was measured (something must have been); what is unknown counts as if
    it had met expectations."""
    return _believed(space, plan, tuple(earlier))


@lru_cache(maxsize=1)  # whose trial it is and what to try are asked one after the other
def _believed(space: Space, plan: Plan, earlier: tuple[Seen, ...]) -> Surrogate:
    means, counts = losses(plan, earlier)
    surrogate = fit(places_of(space, plan, list(means)), np.array(list(means.values())), counts)
    unknown = [seen.configuration for seen in earlier if seen.outcome == "unknown"]
    return surrogate.believing(places_of(space, plan, unknown)) if unknown else surrogate


def limited(plan: Plan, earlier: Sequence[Seen]) -> list[Seen]:
    """The same with no value worse than may count in its family (`worker.outliers`)."""
    sign = _sign(plan)
    values: dict[str, list[float]] = {}
    for seen in earlier:
        if seen.value is not None:
            values.setdefault(seen.configuration.family, []).append(sign * seen.value)
    worst = limits(values)
    return [
        seen
        if seen.value is None or sign * seen.value <= worst[seen.configuration.family]
        else replace(seen, value=sign * worst[seen.configuration.family])
        for seen in earlier
    ]


def _sign(plan: Plan) -> float:
    """Of a loss, where the metric is one."""
    return -1.0 if plan.metric.direction == "maximize" else 1.0


def losses(plan: Plan, earlier: Sequence[Seen]) -> tuple[dict[Configuration, float], NDArray[np.int64]]:
    """What was measured: each configuration's mean, lower being better, in the order of the first runs; and its number
    of runs. No run counts as worse than its family's limit. A configuration that only failed has the worst mean of its
    family, if there is any."""
    sign = _sign(plan)
    values: dict[Configuration, list[float]] = {}
    for seen in limited(plan, earlier):
        if seen.value is not None:
            values.setdefault(seen.configuration, []).append(sign * seen.value)
    means = {configuration: sum(v) / len(v) for configuration, v in values.items()}
    worst: dict[str, float] = {}
    for configuration, mean in means.items():
        worst[configuration.family] = max(mean, worst.get(configuration.family, mean))
    for seen in earlier:
        if seen.outcome == "bad" and seen.configuration not in means and seen.configuration.family in worst:
            means[seen.configuration] = worst[seen.configuration.family]
    return means, np.array([len(values.get(c, ())) or 1 for c in means], dtype=np.int64)


def _families(plan: Plan) -> list[str]:
    return sorted({p.family for p in plan.points})


def places_of(space: Space, plan: Plan, configurations: Sequence[Configuration]) -> Places:
    """Where configurations of any families lie, in their order."""
    parts: list[Places] = []
    order: list[int] = []
    for number, family in enumerate(_families(plan)):
        at = [i for i, c in enumerate(configurations) if c.family == family]
        if at:
            layout = layout_of(space, plan, family)
            parts.append(_places(layout, rows_of(layout, [configurations[i] for i in at]), number))
            order += at
    back = np.argsort(order)
    return Places(np.concatenate([p.points for p in parts])[back], np.concatenate([p.families for p in parts])[back])


def places_in(plan: Plan, layout: Layout, rows: NDArray[np.int64]) -> Places:
    """Where rows of one family's layout lie."""
    return _places(layout, rows, _families(plan).index(layout.family))


def _places(layout: Layout, rows: NDArray[np.int64], family: int) -> Places:
    return Places(coordinates(layout, rows), np.full(len(rows), family, dtype=np.int64))


def improvement(surrogate: Surrogate, places: Places, best: float) -> NDArray[np.float64]:
    """E[max(0, best − surface)] at each place."""
    means, deviations = surrogate.at(places)
    deviations = np.maximum(deviations, 1e-12)
    scores = (best - means) / deviations
    density = np.exp(-(scores**2) / 2) / np.sqrt(2 * np.pi)
    gains: NDArray[np.float64] = deviations * (scores * ndtr(scores) + density)
    return gains


def _distribution(axis: Axis) -> BaseDistribution:
    if axis.ordered:
        return IntDistribution(0, len(axis.values) - 1)
    return CategoricalDistribution(axis.values)


def _parameter(axis: Axis, index: int) -> int | str:
    return index if axis.ordered else str(axis.values[index])


def _frozen(space: Space, plan: Plan, seen: Seen, values: Sequence[float]) -> optuna.trial.FrozenTrial:
    found = indices(space, plan, seen.configuration)
    # A pruned trial without a report ranks behind every complete one, which is what "bad" means.
    state = {"measured": TrialState.COMPLETE, "bad": TrialState.PRUNED, "unknown": TrialState.RUNNING}
    return optuna.trial.create_trial(
        state=state[seen.outcome],
        values=list(values) if seen.outcome == "measured" else None,
        params={axis.name: _parameter(axis, index) for axis, index in found.items()},
        distributions={axis.name: _distribution(axis) for axis in found},
    )


def by_tpe(space: Space, plan: Plan, family: str, earlier: Sequence[Seen], *, seed: int) -> Configuration:
    """As `suggest`, by Optuna's TPE on the values as they are."""
    sampler = optuna.samplers.TPESampler(seed=seed)  # constant liar: what is unknown repels
    study = optuna.create_study(direction=plan.metric.direction, sampler=sampler)
    for seen in earlier:
        values = [] if seen.value is None else [seen.value]
        study.add_trial(_frozen(space, plan, seen, values))
    trial = study.ask()

    def pick(axis: Axis) -> int:
        if axis.ordered:
            return trial.suggest_int(axis.name, 0, len(axis.values) - 1)
        return axis.values.index(trial.suggest_categorical(axis.name, axis.values))

    return walk(space, plan, family, pick)
