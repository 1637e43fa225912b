"""What to try next, by Optuna's TPE as a pure function: a study is rebuilt in memory, asked once, thrown away.

The family is no parameter of the study. Families are taken in turn, and a fixed parameter
(`optuna.samplers.PartialFixedSampler`) never reaches TPE's estimators anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import TrialState

from sparseift.records import Configuration, Plan, Space
from worker.space import Axis, indices, walk

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
    mean regret of .29 against .32 points after 48 trials (benchmarks/scheduling.py).
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


def suggest(
    space: Space,
    plan: Plan,
    family: str,
    earlier: Sequence[Seen],
    *,
    seed: int,
) -> Configuration:
    """The next configuration of a family, given the earlier proposals of the job by number and the sampler's seed."""
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
