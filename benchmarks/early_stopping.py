"""What early stopping saves and costs: the worker's own rule on recorded learning curves, and in whole searches.

    OMP_NUM_THREADS=1 PYTHONPATH=. python benchmarks/early_stopping.py --orders 500 --surfaces 100

First the real curves (benchmarks/results/curves.json: six configurations of each of four families, one seed, evaluated
four times; more where more are recorded): how well a part of a run says how its end will rank within the family, and
`worker.pruning` replayed over random orders of each family's runs. "saved": share of the search's training FLOPs.
"answer": how much worse the best that was trained to its end is than the best of the family, in bits per byte x 1000.

Then whole searches on the surfaces of benchmarks/search.py at equal training FLOPs: what is saved goes to more trials.
A run's value at half of its FLOPs is its end, plus an offset, plus noise of the size that the real curves have there.
"""

import argparse
import json
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np

from benchmarks.search import (
    CONFIRM_SEEDS,
    FAMILIES,
    FIRST_SURFACE,
    PLAN,
    SPACE,
    Answer,
    Floats,
    Surface,
    drawn_at_random,
    interval,
    judge,
)
from sparseift.records import Budget, Configuration, JobSpec, Named, Plan, Progress
from worker.closing import closed
from worker.pruning import START, Course, bar_for
from worker.search import Proposal, Row, decide

CURVES = Path(__file__).parent / "results" / "curves.json"
RULE = Budget(early_stopping="median")
HALF_OFFSET = 200.0  # milli-bits per byte: any constant does, for all are compared at the same FLOPs
MOST = 4  # times as many trials as without early stopping: far more than can be saved


def families_of(path: Path) -> tuple[dict[str, list[Course]], float]:
    """The recorded courses of each family in bits per byte x 1000, and a dense run's training FLOPs."""
    runs = json.loads(path.read_text())["runs"]
    courses: dict[str, list[Course]] = {}
    dense_flops = math.inf
    for run in runs:
        course = [(flops, 1e3 * value) for _, value, flops in run["curve"]]
        if run["configuration"]["family"] == "dense":
            dense_flops = min(dense_flops, course[-1][0])
        else:
            courses.setdefault(run["configuration"]["family"], []).append(course)
    return courses, dense_flops


def ranks(values: Sequence[float]) -> Floats:
    """The place of each by size."""
    return np.argsort(np.argsort(np.array(values))).astype(np.float64)


def foretold(courses: dict[str, list[Course]], place: int) -> tuple[float, float]:
    """(mean rank correlation within families of the values at an evaluation with those at the end, standard deviation
    of the difference of both within families)."""
    correlations, left = [], []
    for mine in courses.values():
        early, end = [c[place][1] for c in mine], [c[-1][1] for c in mine]
        correlations.append(float(np.corrcoef(ranks(early), ranks(end))[0, 1]))
        difference = np.array(early) - np.array(end)
        left.append(float(((difference - difference.mean()) ** 2).sum() / (len(mine) - 1)))
    return fmean(correlations), math.sqrt(fmean(left))


def replayed(mine: Sequence[Course], plan: Plan, spec: JobSpec) -> tuple[int, float, float]:
    """(stopped, share of FLOPs saved, answer lost) of one family's runs in this order, under the worker's rule."""
    configuration = Configuration(FAMILIES[0], 0.5)
    rows: list[Row] = []
    seen: dict[int, Course] = {}
    for number, course in enumerate(mine):
        rows.append(Row(number, "search", configuration, number, "running", "", None))
        bar = bar_for(spec, plan, rows, seen, number)
        until = len(course)
        for step, (flops, value) in enumerate(course, start=1):
            report = Progress(step, len(course), None, value, flops, None, None, None, 0.0)
            if bar is not None and bar.verdict(report) is not None:
                until = step
                break
        seen[number] = course[:until]
        rows[number] = replace(rows[number], state="complete" if until == len(course) else "pruned")
    spent = sum(seen[i][-1][0] for i in range(len(mine)))
    kept = min(seen[i][-1][1] for i in range(len(mine)) if rows[i].state == "complete")
    stopped = sum(row.state == "pruned" for row in rows)
    return stopped, 1.0 - spent / sum(c[-1][0] for c in mine), kept - min(c[-1][1] for c in mine)


def replay(orders: int) -> float:
    """Print the first two tables; the noise at half of a run."""
    courses, dense_flops = families_of(CURVES)
    plan = replace(PLAN, dense_training_flops=dense_flops)
    print(f"{sum(map(len, courses.values()))} recorded runs of {len(courses)} families")
    print(f"{'share of the run':<18}{'rank correlation with the end':>30}{'sd of early − end':>19}")
    places = len(next(iter(courses.values()))[0])
    for place in range(places - 1):
        correlation, deviation = foretold(courses, place)
        print(f"{(place + 1) / places:<18.2f}{correlation:>30.2f}{deviation:>19.1f}")
    print(f"\nthe rule over {orders} random orders of each family's runs, one after the other")
    print(f"{'family':<20}{'runs':>6}{'stopped':>9}{'FLOPs saved':>13}{'answer lost, mean':>19}{'lost in':>10}")
    dice = random.Random(0)
    for family, mine in courses.items():
        spec = JobSpec("replay", Named("gpt"), Named("sotu"), FAMILIES, SPACE, RULE, in_flight=1)
        found = np.array([replayed(dice.sample(mine, len(mine)), plan, spec) for _ in range(orders)])
        stopped, saved, lost = found.mean(axis=0)
        print(f"{family:<20}{len(mine):>6}{stopped:>9.2f}{saved:>13.1%}{lost:>19.3f}{(found[:, 2] > 0).mean():>10.1%}")
    return foretold(courses, round(START * places) - 1)[1]


def searched(surface: Surface, trials: int, seed: int, noise: float, *, stops: bool) -> tuple[Answer, int]:
    """The worker's search with as many training FLOPs as `trials` whole trainings, and its confirmations; with the
    number of trials. One training is one FLOP here, evaluated at its half and at its end."""
    budget = Budget(MOST * trials, CONFIRM_SEEDS, early_stopping="median" if stops else "none")
    spec = JobSpec("benchmark", Named("gpt"), Named("sotu"), FAMILIES, SPACE, budget, seed=seed)
    rows: list[Row] = []
    courses: dict[int, Course] = {}
    spent = 0.0
    while isinstance(proposal := decide(spec, PLAN, rows), Proposal):
        c, number = proposal.configuration, proposal.number
        if proposal.kind == "search" and spent > trials - 1:
            break  # no whole training is left
        row = Row(number, proposal.kind, c, proposal.seed, "running", "", None)
        if proposal.kind == "baseline":
            rows.append(replace(row, state="complete", value=0.0))
            continue
        value = surface.run(c, proposal.seed)
        dice = np.random.default_rng([seed, proposal.seed, int(c.key, 16)])
        half = value + HALF_OFFSET + float(dice.normal(0, noise))
        bar = bar_for(spec, PLAN, [*rows, row], courses, number)
        report = Progress(1, 2, None, half, 0.5, None, None, None, 0.0)
        stopped = bar is not None and bar.verdict(report) is not None
        courses[number] = [(0.5, half)] if stopped else [(0.5, half), (1.0, value)]
        spent += 0.5 if stopped else 1.0
        rows.append(replace(row, state="pruned") if stopped else replace(row, state="complete", value=value))
    count = sum(row.kind == "search" for row in rows)
    spec = closed(spec, rows)
    values: dict[Configuration, list[float]] = {}
    while isinstance(proposal := decide(spec, PLAN, rows), Proposal):
        c = proposal.configuration
        value = surface.run(c, proposal.seed)
        values.setdefault(c, []).append(value)
        rows.append(Row(proposal.number, proposal.kind, c, proposal.seed, "complete", "", value))
    named = {c.family: c for c in values}
    return Answer(named, {c.family: fmean(v) for c, v in values.items()}), count


def compare(surfaces: int, trials: int, noise: float) -> None:
    """Print regret with early stopping, without, and the paired difference."""
    found: dict[bool, list[tuple[float, ...]]] = {False: [], True: []}
    counts: list[int] = []
    for i in range(surfaces):
        surface = Surface(FIRST_SURFACE + i)
        untried = {f: fmean(surface.loss(drawn_at_random(f, k)) for k in range(50)) for f in FAMILIES}
        for stops, results in found.items():
            answer, count = searched(surface, trials, i, noise, stops=stops)
            results.append(judge(surface, answer, untried))
            counts += [count] if stops else []
    without, with_it = np.array(found[False]), np.array(found[True])
    print(f"\n{surfaces} surfaces, training FLOPs of {trials} whole trials: {fmean(counts):.1f} with early stopping")
    print(f"{'regret':<20}{'overall':>15}{'family mean':>15}{'worst family':>15}")
    for name, table in (("none", without), ("median", with_it), ("median less none", with_it - without)):
        print(f"{name:<20}" + "".join(f"{interval(table[:, k]):>15}" for k in range(3)))


def main() -> None:
    """Replay, then search."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--orders", type=int, default=500)
    line.add_argument("--surfaces", type=int, default=30)
    line.add_argument("--trials", type=int, nargs="+", default=[24, 60])
    arguments = line.parse_args()
    noise = replay(arguments.orders)
    for trials in arguments.trials:
        compare(arguments.surfaces, trials, noise)


if __name__ == "__main__":
    main()
