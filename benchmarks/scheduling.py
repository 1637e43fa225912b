"""How well a search finds each family's best configuration: strategies on noisy synthetic surfaces.

    PYTHONPATH=. python benchmarks/scheduling.py --instances 100 --trials 48

A surface: four families with an offset, an optimum over sparsity, an effect of the mask method and of ΔT and α₀, each
drawn anew, and seed noise of .3 points. Regret: the family's best noiseless value minus that of the configuration
chosen after the search, in points; the mean over families and the worst family, averaged over surfaces.
"""

import argparse
import math
import time
from collections.abc import Callable

import numpy as np

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Configuration, Metric, Plan, Point, Space, derive_seed
from worker.choose import choose
from worker.space import fractions, update_intervals
from worker.suggest import Seen, centred, suggest

FAMILIES = ("sparse_wide", "sparse_parallel", "sparse_factorized", "sparse_doped")
SPARSITIES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
PARALLEL = (0.5, 0.6667, 0.75, 0.8, 0.8333, 0.9)
NOISE = 0.3  # points, standard deviation over seeds
SPACE = Space(sparsities=SPARSITIES)

Measured = list[tuple[Configuration, float]]
Surface = Callable[[Configuration], float]


def make_plan() -> Plan:
    """Every point feasible; Parallel has its own grid."""
    points = tuple(
        Point(f, s, True, sparsity=s) for f in FAMILIES for s in (PARALLEL if f == "sparse_parallel" else SPARSITIES)
    )
    dense = Point("dense", 0.0, True)
    return Plan(Metric("accuracy", "%", "maximize"), 4000, 128, dense, points, 1.0, 1)


def make_surface(dice: np.random.Generator) -> Surface:
    """A noiseless accuracy in points."""
    families = {
        f: (dice.normal(0, 1.0), dice.uniform(0.5, 0.9), dice.uniform(8, 25), dice.normal(0, 0.4, 2)) for f in FAMILIES
    }
    interval, drop, depth = dice.uniform(4.5, 6.5), dice.uniform(0.15, 0.45), dice.uniform(0.1, 0.6)

    def value(configuration: Configuration) -> float:
        offset, optimum, width, methods = families[configuration.family]
        total = 90.0 + offset - width * (configuration.nominal_sparsity - optimum) ** 2
        schedule = configuration.schedule
        if schedule is not None and schedule.is_dynamic:
            total += 0.3 + methods[0 if schedule.method == "set" else 1]
            total -= depth * ((math.log(schedule.delta_t_steps) - interval) ** 2 / 2)
            total -= 10 * depth * (schedule.drop_fraction - drop) ** 2
        return float(total)

    return value


def best_of(surface: Surface, plan: Plan, family: str) -> float:
    """The noiseless optimum of a family over the space; T_end does not matter to these surfaces."""
    schedules = [MaskSchedule("static")] + [
        MaskSchedule(method, delta_t_steps=interval, drop_fraction=drop)
        for method in ("set", "rigl")
        for interval in update_intervals(SPACE, plan)
        for drop in fractions(*SPACE.drop_fraction)
    ]
    return max(surface(Configuration(family, p.nominal_sparsity, s)) for p in plan.grid(family) for s in schedules)


def luckiest(measured: Measured) -> Configuration:
    """The configuration of the single best run."""
    return max(measured, key=lambda pair: pair[1])[0]


def smooth(measured: Measured) -> Configuration:
    """What the worker confirms."""
    chosen = choose(SPACE, make_plan(), measured)
    assert chosen is not None, "every family was measured"
    return chosen


def search(strategy: str, surface: Surface, plan: Plan, trials: int, seed: int) -> Measured:
    """The trials of a search of one strategy: random, pooled (raw values), centred, or alone (a study per family)."""
    noise = np.random.default_rng([seed, 1])
    done: Measured = []
    for number in range(trials):
        family = FAMILIES[number % len(FAMILIES)]
        seen = [Seen(c, "measured", v) for c, v in done]
        if strategy == "centred":
            seen = centred(seen)
        if strategy == "random":
            seen = []
        if strategy == "alone":
            seen = [s for s in seen if s.configuration.family == family]
        configuration = suggest(SPACE, plan, family, seen, seed=derive_seed(seed, "sampler", number))
        done.append((configuration, surface(configuration) + float(noise.normal(0, NOISE))))
    return done


def main() -> None:
    """Print one row per strategy and choice."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--instances", type=int, default=20)
    line.add_argument("--trials", type=int, default=48)
    arguments = line.parse_args()
    plan = make_plan()
    regrets: dict[tuple[str, str], list[list[float]]] = {}
    seconds: dict[str, float] = {}
    for seed in range(arguments.instances):
        surface = make_surface(np.random.default_rng([seed, 0]))
        optima = {f: best_of(surface, plan, f) for f in FAMILIES}
        for strategy in ("random", "alone", "pooled", "centred"):
            started_at = time.perf_counter()
            done = search(strategy, surface, plan, arguments.trials, seed)
            seconds[strategy] = seconds.get(strategy, 0.0) + time.perf_counter() - started_at
            for choice in (luckiest, smooth):
                chosen = {f: choice([(c, v) for c, v in done if c.family == f]) for f in FAMILIES}
                row = [optima[f] - surface(c) for f, c in chosen.items()]
                regrets.setdefault((strategy, choice.__name__), []).append(row)
    print(f"{arguments.instances} surfaces, {arguments.trials} trials, noise {NOISE} points")
    print("strategy  choice    mean  ± s.e.  worst  ms/trial")
    for (strategy, name), table in regrets.items():
        values = np.array(table)  # (surfaces, families)
        means = values.mean(axis=1)
        error = means.std(ddof=1) / math.sqrt(len(means)) if len(means) > 1 else math.nan
        ms = 1e3 * seconds[strategy] / arguments.instances / arguments.trials
        worst = values.max(axis=1).mean()
        print(f"{strategy:<9} {name:<9} {means.mean():.3f} ± {error:.3f}   {worst:.3f}  {ms:.1f}")


if __name__ == "__main__":
    main()
