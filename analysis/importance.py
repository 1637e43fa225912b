"""Which parameters of the mask schedule decide whether a run is among the best.

PED-ANOVA (Watanabe et al., "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces",
IJCAI 2023; optuna.importance, which handles parameters that exist only under some methods): how far the distribution of
a parameter among the best quarter of the runs departs from that among all. What it says of tens of runs is rough, so
each importance comes with an interval over bootstrap samples and with its probability under chance.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from analysis.churn import Association
from analysis.measurement import Measurement
from analysis.schedules import ScheduleEffect
from sparseift.records import DENSE, Metric

BEST_SHARE = 0.25  # of the runs: those that importance is about
FEWEST = 12  # runs below which nothing is said
RESAMPLES = 60  # bootstrap samples, and as many shuffles
LARGEST = 150  # runs, the last ones, that are looked at: more change little and cost time
LOGARITHMIC = ("delta_t_steps",)


@dataclass(frozen=True, slots=True)
class Importance:
    """One parameter.

    Attributes:
        share: of all parameters' importances, in [0, 1]. low, high: the middle 95 % over bootstrap samples of runs: how
            stable it is, not a confidence interval of a true value.
        chance: share of shufflings of the values over the runs that give the parameter at least this share.
        runs: in which it exists with more than one value.
    """

    parameter: str
    share: float
    low: float
    high: float
    chance: float
    runs: int


@dataclass(frozen=True, slots=True)
class ImportanceAnswer:
    """What about masks matters.

    Attributes:
        importances: largest first; () with the `reason` where too few runs or no choices are there.
        effects: of schedules at fixed family and sparsity. associations: of mask churn and ITOP with the metric.
    """

    metric: Metric
    importances: tuple[Importance, ...]
    runs: int
    reason: str
    effects: tuple[ScheduleEffect, ...] = ()
    associations: tuple[Association, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def importance(
    measurements: Sequence[Measurement],
    configurations: Mapping[str, Mapping[str, Any]],
    metric: Metric,
    *,
    effects: Sequence[ScheduleEffect] = (),
    associations: Sequence[Association] = (),
) -> ImportanceAnswer:
    """The importance of sparsity and of every schedule parameter over the search's runs of all families.

    Each value is taken less the mean of its family, so that families' levels are not mistaken for their schedules'.
    Runs of the search alone count: confirmations repeat the best ones. Importance is not an effect: it says that a
    parameter matters, `analysis.schedules` says by how much.

    Args:
        configurations: canonical configurations by key.
    """
    rows = [
        m for m in measurements if m.kind == "search" and m.family != DENSE and m.configuration_key in configurations
    ]
    rows = _with_company(rows[-LARGEST:], configurations)
    given = [_parameters(configurations[m.configuration_key], m) for m in rows]
    values: dict[str, list[Any]] = {}
    for parameters in given:
        for name, value in parameters.items():
            values.setdefault(name, []).append(value)
    varied = {name: found for name, found in values.items() if len(set(found)) > 1}
    if len(rows) < FEWEST or not varied:
        why = (
            f"{len(rows)} of at least {FEWEST} runs of the search have a result."
            if len(rows) < FEWEST
            else "No parameter of the schedule was varied."
        )
        return ImportanceAnswer(metric, (), len(rows), why, tuple(effects), tuple(associations))
    scores = _centred(rows, 1.0 if metric.direction == "maximize" else -1.0)
    trials = _Trials(given, varied)
    observed = trials.shares(np.arange(len(rows)), scores)
    random = np.random.default_rng(0)
    again, shuffled = [], []
    alike = _alike(rows, configurations)
    for _ in range(RESAMPLES):
        # within each method, so that no parameter is left with a single run
        chosen = np.arange(len(rows))
        for group in alike:
            chosen[group] = random.choice(group, size=len(group))
        again.append(trials.shares(chosen, scores[chosen]))
        shuffled.append(trials.shares(np.arange(len(rows)), random.permutation(scores)))
    found = []
    for name, share in observed.items():
        low, high = np.quantile([s.get(name, 0.0) for s in again], [0.025, 0.975])
        # the observed order is one of the shufflings: chance is never 0 (Phipson & Smyth 2010)
        chance = (1 + sum(s.get(name, 0.0) >= share for s in shuffled)) / (RESAMPLES + 1)
        found.append(Importance(name, share, float(low), float(high), chance, len(varied[name])))
    found.sort(key=lambda i: (-i.share, i.parameter))
    return ImportanceAnswer(metric, tuple(found), len(rows), "", tuple(effects), tuple(associations))


def _alike(rows: Sequence[Measurement], configurations: Mapping[str, Mapping[str, Any]]) -> list[list[int]]:
    """Indices of the runs that have the same parameters, whatever their values."""
    groups: dict[frozenset[str], list[int]] = {}
    for i, m in enumerate(rows):
        groups.setdefault(frozenset(_parameters(configurations[m.configuration_key], m)), []).append(i)
    return list(groups.values())


def _with_company(rows: Sequence[Measurement], configurations: Mapping[str, Mapping[str, Any]]) -> list[Measurement]:
    """Without the runs whose parameters no other run has: a distribution of one value says nothing."""
    kept = sorted(i for group in _alike(rows, configurations) if len(group) > 1 for i in group)
    return [rows[i] for i in kept]


def _parameters(configuration: Mapping[str, Any], row: Measurement) -> dict[str, Any]:
    """What was chosen, by name: the sparsity as it was solved, and the schedule's plain fields."""
    schedule = configuration.get("schedule") or {}
    plain = {k: v for k, v in schedule.items() if isinstance(v, str | int | float)}
    return {"sparsity": round(row.sparsity, 3), **plain}


def _centred(rows: Sequence[Measurement], sign: float) -> "np.ndarray[Any, np.dtype[np.float64]]":
    values = sign * np.array([m.value for m in rows])
    families = np.array([m.family for m in rows])
    for family in np.unique(families):
        values[families == family] -= values[families == family].mean()
    return values


class _Trials:
    """The runs as the trials of one in-memory study, which get other parameters and values for each sample: making a
    study anew each time takes ten times as long."""

    def __init__(self, given: Sequence[Mapping[str, Any]], varied: Mapping[str, Sequence[Any]]) -> None:
        import optuna
        from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
        from optuna.trial import create_trial

        distributions: dict[str, BaseDistribution] = {}
        for name, values in varied.items():
            if all(isinstance(v, str) for v in values):
                distributions[name] = CategoricalDistribution(sorted(set(values)))
            else:
                low, high = float(min(values)), float(max(values))
                distributions[name] = FloatDistribution(low, high, log=name in LOGARITHMIC)
        self._names = tuple(distributions)
        self._rows = [
            {k: (v if isinstance(v, str) else float(v)) for k, v in parameters.items() if k in varied}
            for parameters in given
        ]
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self._study = optuna.create_study(direction="maximize")
        finally:
            optuna.logging.set_verbosity(level)
        self._study.add_trials(
            [create_trial(params=r, distributions={k: distributions[k] for k in r}, value=0.0) for r in self._rows]
        )

    def shares(self, rows: "np.ndarray[Any, np.dtype[np.int64]]", scores: "np.ndarray[Any, Any]") -> dict[str, float]:
        """Importances of the parameters, which sum to 1, or are all 0.

        Args:
            rows: for each run the one whose parameters it takes, of the same parameters; scores: what it measured.
        """
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        bar = np.sort(scores)[::-1][math.ceil(BEST_SHARE * len(scores)) - 1]
        if bar <= scores.min():  # ties: every run is among the best
            return dict.fromkeys(self._names, 0.0)
        stored = self._study.get_trials(deepcopy=False)
        for trial, row, score in zip(stored, rows.tolist(), scores.tolist(), strict=True):
            trial.params, trial.value = self._rows[row], score
        evaluator = PedAnovaImportanceEvaluator(target_quantile=BEST_SHARE)
        found = get_param_importances(self._study, evaluator=evaluator, params=None, normalize=True)
        return {name: float(found.get(name, 0.0)) for name in self._names}
