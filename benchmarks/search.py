"""How good the answer of a search is, against random search and plain TPE at equal numbers of trainings.

    OMP_NUM_THREADS=1 PYTHONPATH=. python benchmarks/search.py --repetitions 100

The default is the worker's own `decide`: 24 or 60 search trials, every other one in turn after two rounds, the others
to the most promising family; then the chosen one of each of the four families on three fresh seeds, 36 or 72 trainings
in all. Its rivals get the same number of trainings. What does not confirm answers with its luckiest runs. Every
repetition draws a surface, the same for every strategy and none that the default was tuned on.

Units: bits per byte times 1000; lower is better. The noise of a run and the spread of families are those of the demo's
real runs. The shape is an assumption: the depths of the parabolas were set by hand, of the order of the differences
between the runs in benchmarks/results/curves.json, whose space is smaller. `--family-sd` sets another spread;
`--outlier 300` lets the tenth search run of every strategy end with that loss, as one that diverged late would.
Regret: true loss of what a strategy names, less the lowest loss of the space: over all families (overall), or family by
family (their mean, and the worst one). A family that was never tried counts with the mean of its random configurations.
Told: what the strategy reports of its winner, less that configuration's true loss; negative is too good to be true.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import optuna
from numpy.typing import NDArray

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Budget, Configuration, JobSpec, Metric, Named, Plan, Point, Space, derive_seed
from worker.choose import choose
from worker.search import Proposal, Row, decide
from worker.space import Axis, fractions, update_intervals, walk
from worker.suggest import Seen, by_tpe, centred, losses, places_of, suggest
from worker.surrogate import fit

FAMILIES = ("sparse_wide", "sparse_parallel", "sparse_factorized", "sparse_doped")
SPARSITIES = Space().sparsities
PARALLEL = (0.5, 0.6667, 0.75, 0.8, 0.8333, 0.9)
SPACE = Space()
TOTAL_STEPS = 4000
CONFIRM_SEEDS = 3
OUTLIER_RUN = 10  # the search run that an outlier replaces, counted from 1
FIRST_SURFACE = 1000  # the default was chosen on those below, and on some from 5000 on
Floats = NDArray[np.float64]

# Milli-bits per byte. From the demo (README.md, 2026-11-23) …
SEED_SD = 7.4  # of a run: pooled over the five configurations that it confirmed on three seeds
SEED_SHARE = 0.5  # of that variance, common to all configurations of one seed: what pairing takes out
FAMILY_SD = 41.0  # between families, the best of each
SPARSITY_DEPTH = (20.0, 80.0)
METHOD_MEAN, METHOD_SD = -3.0, 5.0
SCHEDULE_DEPTH = (2.0, 15.0)


def make_plan() -> Plan:
    """Every point feasible; Parallel has its own grid."""
    points = tuple(
        Point(f, s, True, sparsity=s) for f in FAMILIES for s in (PARALLEL if f == "sparse_parallel" else SPARSITIES)
    )
    return Plan(
        Metric("bits per byte", "bits/byte", "minimize"), TOTAL_STEPS, 128, Point("dense", 0.0, True), points, 1.0, 1
    )


PLAN = make_plan()


class Surface:
    """The noiseless loss of every configuration, and the noise of its runs.

    A family's loss is a parabola in sparsity whose optimum moves a little with the method, plus an effect of the
    method, plus three parabolas in ΔT (logarithmic), α₀ and T_end that all families share.
    """

    def __init__(self, seed: int, family_sd: float = FAMILY_SD, outlier: float | None = None) -> None:
        dice = np.random.default_rng([seed, 0])
        self._outlier, self._runs = outlier, 0
        self._seed = seed
        self._level = dict(zip(FAMILIES, dice.normal(0, family_sd, 4), strict=True))
        self._optimum = dict(zip(FAMILIES, dice.uniform(0, 1, 4), strict=True))
        self._depth = dict(zip(FAMILIES, dice.uniform(*SPARSITY_DEPTH, 4), strict=True))
        self._effect = {(f, m): dice.normal(METHOD_MEAN, METHOD_SD) for f in FAMILIES for m in ("set", "rigl")}
        self._shift = {(f, m): dice.normal(0, 0.1) for f in FAMILIES for m in ("set", "rigl")}
        self._place = dice.uniform(0, 1, 3)
        self._weight = dice.uniform(*SCHEDULE_DEPTH, 3)

    def loss(self, configuration: Configuration) -> float:
        """Milli-bits per byte, up to a constant."""
        schedule = configuration.schedule
        assert schedule is not None
        total = self._sparse(configuration.family, schedule.method, configuration.nominal_sparsity)
        return total + (self._dynamic(schedule) if schedule.is_dynamic else 0.0)

    def best(self, family: str) -> float:
        """The lowest loss of a family over the space: sparsity and schedule add up, so each has its own optimum."""
        schedules = [
            MaskSchedule("rigl", delta_t_steps=i, drop_fraction=d, t_end_fraction=e)
            for i in update_intervals(SPACE, PLAN)
            for d in fractions(*SPACE.drop_fraction)
            for e in fractions(*SPACE.t_end_fraction)
        ]
        tuned = min(self._dynamic(s) for s in schedules)
        grid = [p.nominal_sparsity for p in PLAN.grid(family)]
        return min(self._sparse(family, m, s) + tuned * (m != "static") for m in SPACE.methods for s in grid)

    def _sparse(self, family: str, method: str, sparsity: float) -> float:
        optimum = self._optimum[family] + self._shift.get((family, method), 0.0)
        bend = self._depth[family] * ((sparsity - 0.3) / 0.65 - optimum) ** 2
        return float(self._level[family] + bend + self._effect.get((family, method), 0.0))

    def _dynamic(self, schedule: MaskSchedule) -> float:
        at = (
            math.log(schedule.delta_t_steps / 50) / math.log(20),
            (schedule.drop_fraction - 0.1) / 0.4,
            (schedule.t_end_fraction - 0.5) / 0.4,
        )
        return sum(float(w) * (a - float(b)) ** 2 for w, a, b in zip(self._weight, at, self._place, strict=True))

    def run(self, configuration: Configuration, seed: int) -> float:
        """What a training measures: part of the noise is the seed's, part the run's own; or the outlier."""
        self._runs += 1
        if self._outlier is not None and self._runs == OUTLIER_RUN:
            return self._outlier
        common = np.random.default_rng([self._seed, 1, seed]).normal(0, SEED_SD * math.sqrt(SEED_SHARE))
        own = np.random.default_rng([self._seed, 2, seed, int(configuration.key, 16)])
        return self.loss(configuration) + float(common + own.normal(0, SEED_SD * math.sqrt(1 - SEED_SHARE)))


Run = tuple[Configuration, float]


@dataclass(frozen=True, slots=True)
class Answer:
    """The configuration that a strategy names for each family that it tried, and what it reports of it."""

    named: dict[str, Configuration]
    told: dict[str, float]


Strategy = Callable[[Surface, int, int], Answer]  # surface, search trials, seed of the strategy


def by_default(surface: Surface, trials: int, seed: int) -> Answer:
    """What the worker does."""
    spec = JobSpec("benchmark", Named("gpt"), Named("sotu"), FAMILIES, SPACE, Budget(trials, CONFIRM_SEEDS), seed=seed)
    rows: list[Row] = []
    while isinstance(proposal := decide(spec, PLAN, rows), Proposal):
        c = proposal.configuration
        value = 0.0 if proposal.kind == "baseline" else surface.run(c, proposal.seed)
        rows.append(Row(proposal.number, proposal.kind, c, proposal.seed, "complete", "", value))
    named: dict[str, Configuration] = {}
    values: dict[str, list[float]] = {}
    for row in rows:
        if row.kind == "confirm" and row.value is not None:
            named[row.configuration.family] = row.configuration
            values.setdefault(row.configuration.family, []).append(row.value)
    return Answer(named, {family: fmean(v) for family, v in values.items()})


def in_turn(
    surface: Surface, trials: int, seed: int, next_one: Callable[[str, list[Run], int], Configuration]
) -> list[Run]:
    """Families in turn, the seeds as the worker has them; the proposal of `next_one` sees all but the last run."""
    done: list[Run] = []
    for number in range(trials):
        configuration = next_one(FAMILIES[number % len(FAMILIES)], done[:-1], derive_seed(seed, number))
        repeats = sum(c == configuration for c, _ in done)
        done.append((configuration, surface.run(configuration, derive_seed(seed, "search", repeats))))
    return done


def confirmed(surface: Surface, done: list[Run], seed: int, per_family: int = 1) -> Answer:
    """The best of each family by the smooth fit, on fresh seeds; of several, the one with the best fresh mean."""
    means, counts = losses(PLAN, [Seen(c, "measured", v) for c, v in done])
    configurations = list(means)
    fitted = fit(places_of(SPACE, PLAN, configurations), np.array(list(means.values())), counts)
    scores, _ = fitted.at(places_of(SPACE, PLAN, configurations))
    best = choose(SPACE, PLAN, done)
    named: dict[str, Configuration] = {}
    told: dict[str, float] = {}
    for family in FAMILIES:
        mine = sorted((s, i) for i, s in enumerate(scores.tolist()) if configurations[i].family == family)
        chosen = [configurations[i] for _, i in mine[:per_family]] if per_family > 1 else [best[family]]
        for c in chosen:
            mean = fmean(surface.run(c, derive_seed(seed, "confirm", i)) for i in range(CONFIRM_SEEDS))
            if mean < told.get(family, math.inf):
                named[family], told[family] = c, mean
    return Answer(named, told)


def by_all_in_turn(surface: Surface, trials: int, seed: int) -> Answer:
    """The former default: all trials in turn."""

    def suggested(family: str, done: list[Run], draw: int) -> Configuration:
        return suggest(SPACE, PLAN, family, [Seen(c, "measured", v) for c, v in done], seed=draw)

    return confirmed(surface, in_turn(surface, trials, seed, suggested), seed)


def by_top_two(surface: Surface, trials: int, seed: int) -> Answer:
    """In turn, with as many trials fewer as a second confirmation of each family costs."""
    fewer = trials - CONFIRM_SEEDS * len(FAMILIES)

    def suggested(family: str, done: list[Run], draw: int) -> Configuration:
        return suggest(SPACE, PLAN, family, [Seen(c, "measured", v) for c, v in done], seed=draw)

    return confirmed(surface, in_turn(surface, fewer, seed, suggested), seed, per_family=2)


def by_tpe_in_turn(surface: Surface, trials: int, seed: int) -> Answer:
    """TPE in the place of the Gaussian process."""

    def suggested(family: str, done: list[Run], draw: int) -> Configuration:
        return by_tpe(SPACE, PLAN, family, centred([Seen(c, "measured", v) for c, v in done]), seed=draw)

    return confirmed(surface, in_turn(surface, trials, seed, suggested), seed)


def by_random_in_turn(surface: Surface, trials: int, seed: int) -> Answer:
    """Random configurations, the rest as the default."""
    return confirmed(surface, in_turn(surface, trials, seed, lambda f, _, draw: drawn_at_random(f, draw)), seed)


def drawn_at_random(family: str, seed: int) -> Configuration:
    """Every axis uniform."""
    dice = np.random.default_rng(seed)
    return walk(SPACE, PLAN, family, lambda axis: int(dice.integers(len(axis.values))))


def by_random(surface: Surface, trials: int, seed: int) -> Answer:
    """Random search, the family drawn too, a fresh seed for every run."""
    done: list[Run] = []
    for number in range(trials + CONFIRM_SEEDS * len(FAMILIES)):
        draw = derive_seed(seed, "random", number)
        configuration = drawn_at_random(FAMILIES[draw % len(FAMILIES)], draw)
        done.append((configuration, surface.run(configuration, draw)))
    return luckiest(done)


def by_plain_tpe(surface: Surface, trials: int, seed: int) -> Answer:
    """Optuna's TPE with its defaults, the family one of the parameters, a fresh seed for every run."""
    study = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=seed))
    done: list[Run] = []
    for number in range(trials + CONFIRM_SEEDS * len(FAMILIES)):
        trial = study.ask()

        def pick(axis: Axis, trial: optuna.Trial = trial) -> int:
            if axis.ordered:
                return trial.suggest_int(axis.name, 0, len(axis.values) - 1)
            return axis.values.index(trial.suggest_categorical(axis.name, axis.values))

        configuration = walk(SPACE, PLAN, trial.suggest_categorical("family", FAMILIES), pick)
        value = surface.run(configuration, derive_seed(seed, "run", number))
        study.tell(trial, value)
        done.append((configuration, value))
    return luckiest(done)


def luckiest(done: list[Run]) -> Answer:
    """The best single run of each family."""
    named: dict[str, Configuration] = {}
    told: dict[str, float] = {}
    for configuration, value in done:
        if value < told.get(configuration.family, math.inf):
            named[configuration.family], told[configuration.family] = configuration, value
    return Answer(named, told)


STRATEGIES: dict[str, Strategy] = {
    "default": by_default,
    "all in turn": by_all_in_turn,
    "all in turn, two confirmed": by_top_two,
    "TPE in turn, confirmed": by_tpe_in_turn,
    "random in turn, confirmed": by_random_in_turn,
    "plain TPE": by_plain_tpe,
    "random": by_random,
}


def judge(surface: Surface, answer: Answer, untried: dict[str, float]) -> tuple[float, float, float, float]:
    """(overall, mean of the families, worst family, told), see above."""
    true = {f: surface.loss(answer.named[f]) if f in answer.named else untried[f] for f in FAMILIES}
    optima = {f: surface.best(f) for f in FAMILIES}
    winner = min(answer.told, key=lambda f: answer.told[f])
    regrets = [true[f] - optima[f] for f in FAMILIES]
    return true[winner] - min(optima.values()), fmean(regrets), max(regrets), answer.told[winner] - true[winner]


def interval(values: Floats) -> str:
    """Mean and half of its 95 % interval."""
    return f"{values.mean():6.2f} ± {1.96 * values.std(ddof=1) / math.sqrt(len(values)):4.2f}"


def main() -> None:
    """Print two tables for each number of trials."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--repetitions", type=int, default=30)
    line.add_argument("--trials", type=int, nargs="+", default=[24, 60])
    line.add_argument("--family-sd", type=float, default=FAMILY_SD, help="spread of the families' best")
    line.add_argument("--outlier", type=float, help=f"the loss of search run {OUTLIER_RUN}; by default as any other's")
    arguments = line.parse_args()
    print(
        f"{arguments.repetitions} surfaces, families' best spread by {arguments.family_sd:g}; "
        "mean ± half of the 95 % interval; bits per byte x 1000"
        + (f"; run {OUTLIER_RUN} measures {arguments.outlier:g}" if arguments.outlier is not None else "")
    )
    for trials in arguments.trials:
        results: dict[str, list[tuple[float, ...]]] = {name: [] for name in STRATEGIES}
        for repetition in range(arguments.repetitions):
            surface = Surface(FIRST_SURFACE + repetition, arguments.family_sd)
            randoms = {f: [surface.loss(drawn_at_random(f, i)) for i in range(50)] for f in FAMILIES}
            untried = {f: fmean(values) for f, values in randoms.items()}
            for name, strategy in STRATEGIES.items():
                measured = Surface(FIRST_SURFACE + repetition, arguments.family_sd, arguments.outlier)
                results[name].append(judge(surface, strategy(measured, trials, repetition), untried))
        trainings = trials + CONFIRM_SEEDS * len(FAMILIES)
        print(f"\nafter {trials} search trials and confirmation, {trainings} trainings without dense's")
        base = np.array(results["default"])
        tables = {name: np.array(rows) for name, rows in results.items()}
        show("regret", tables)
        show("less the default's, paired", {n: t[:, :3] - base[:, :3] for n, t in tables.items() if n != "default"})


def show(title: str, tables: dict[str, Floats]) -> None:
    """One row a strategy: mean and interval of each column over the surfaces."""
    columns = ("overall", "family mean", "worst family", "told")
    width = next(iter(tables.values())).shape[1]
    print(f"{title:<27}" + "".join(f"{column:>15}" for column in columns[:width]))
    for name, table in tables.items():
        print(f"{name:<27}" + "".join(f"{interval(table[:, i]):>15}" for i in range(width)))


if __name__ == "__main__":
    main()
