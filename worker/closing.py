"""When a budget's limits end the search, and how a search that has ended early goes on: with the confirmations."""

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from sparseift.records import DENSE, Budget, Configuration, JobSpec, Plan
from store.spending import Spent
from worker.choose import choose
from worker.search import INFRASTRUCTURE, Row, confirm_seeds, searched_families

NAMES = {"wall_time_s": "seconds of wall time", "device_hours": "device-hours", "training_flops": "training FLOPs"}


def has_limits(budget: Budget) -> bool:
    """Whether there is a limit beside the number of trials."""
    return any(getattr(budget, name) is not None for name in NAMES)


def reserve(
    spec: JobSpec, plan: Plan, rows: Sequence[Row], seconds: Sequence[float], slots: int, share: float = 1.0
) -> Spent:
    """What the baseline, the confirmations and the ladder that are still to come will cost.

    At equal FLOPs every trial costs about a dense one in training FLOPs, a rung of the ladder its multiple of that; in
    time, as many times the median of `seconds`, and nothing where none is known. One that runs counts as a whole.

    Args:
        seconds: that complete trials took; before there is one, what running ones will take at their pace so far.
        slots: on which the job runs. share: of a device, that each of them is.
    """
    seeds = confirm_seeds(spec)
    dense = [(Configuration(DENSE), seed) for seed in seeds]
    rungs = {m: [(Configuration(DENSE, flop_multiple=m), seed) for seed in seeds] for m in spec.ladder}
    larger = sum(multiple * _to_come(rows, "ladder", rung) for multiple, rung in rungs.items())
    left = _to_come(rows, "baseline", dense) + _confirmations_to_come(spec, plan, rows) + larger  # in dense trainings
    trial_s = median(seconds) if seconds else 0.0
    rounds = math.ceil(left / max(1, slots))
    return Spent(rounds * trial_s, left * trial_s * share / 3600.0, left * plan.dense_training_flops)


def _confirmations_to_come(spec: JobSpec, plan: Plan, rows: Sequence[Row]) -> int:
    """Of the configurations that would be confirmed now: after an extension they may be others than before."""
    families, asked = searched_families(spec, plan), spec.budget.confirm_seeds
    if asked == 0 or not any(row.kind == "confirm" for row in rows):
        return len(families) * asked  # without asking who wins, which takes a fit
    searched = [r for r in rows if r.kind == "search" and r.state == "complete"]
    best = choose(spec.space, plan, [(r.configuration, r.value) for r in searched if r.value is not None])
    known = [best[family] for family in families if family in best]
    finals = [(winner, seed) for winner in known for seed in confirm_seeds(spec)]
    return _to_come(rows, "confirm", finals) + (len(families) - len(known)) * asked


def _to_come(rows: Sequence[Row], kind: str, wanted: Sequence[tuple[Configuration, int]]) -> int:
    """How many of `wanted` are not done with; one that the infrastructure lost for good is tried once more."""
    tried: dict[tuple[Configuration, int], list[Row]] = {one: [] for one in wanted}
    for row in rows:
        if row.kind == kind and (row.configuration, row.seed) in tried:
            tried[row.configuration, row.seed].append(row)
    return sum(not _is_settled(attempted) for attempted in tried.values())


def _is_settled(tried: Sequence[Row]) -> bool:
    if not tried or not all(row.ended for row in tried):
        return False
    return len(tried) > 1 or tried[0].state != "failed" or tried[0].reason != INFRASTRUCTURE


def has_proposed_all(spec: JobSpec, plan: Plan, rows: Sequence[Row]) -> bool:
    """Whether closing the search would change nothing: no trial of it is left to be proposed or to begin, nor, where
    the job stops what runs, to be stopped.
    """
    searched = [row for row in rows if row.kind == "search" and row.configuration.schedule is not None]
    budget = spec.budget
    most = budget.search_trials + min(sum(row.is_free for row in searched), budget.search_trials)
    if searched_families(spec, plan) and len(searched) < most:
        return False
    if budget.when_spent == "stop":
        return all(row.ended for row in searched)
    return all(row.state != "waiting" for row in searched)


def spent_limit(budget: Budget, spent: Spent, kept: Spent) -> tuple[str, str] | None:
    """(the limit's name, a sentence) of the first limit that is reached, less what is `kept` for the confirmations."""
    for name, unit in NAMES.items():
        limit, used, back = getattr(budget, name), getattr(spent, name), getattr(kept, name)
        if limit is not None and used + back >= limit:
            for_finals = f", and {back:.4g} are kept for the confirmations" if back else ""
            return name, f"{used:.4g} of {limit:.4g} {unit} are used{for_finals}: the search is over."
    return None


def closed(spec: JobSpec, rows: Sequence[Row]) -> JobSpec:
    """The same job with a search that has proposed all it will: the next things to do are the confirmations."""
    searched = [row for row in rows if row.kind == "search" and row.configuration.schedule is not None]
    free = sum(row.is_free for row in searched)  # each of these would be replaced
    return replace(spec, budget=replace(spec.budget, search_trials=len(searched) - free))


def is_without_answer(rows: Sequence[Row]) -> bool:
    """Whether a closed search has measured nothing and will not: then there is nothing to confirm or to compare."""
    searched = [row for row in rows if row.kind == "search" and row.configuration.schedule is not None]
    return all(row.ended and row.state != "complete" for row in searched)


def ending(spec: JobSpec, word: str, rows: Sequence[Row]) -> tuple[str, str]:
    """(reason, message) of a job that is done, where `word` is what closed its search, or ""."""
    complete = sum(row.state == "complete" for row in rows)
    measured = f"{complete} trial{'' if complete == 1 else 's'} {'was' if complete == 1 else 'were'} completed."
    if not word:
        return "finished", measured
    if word == "stopped":
        return word, f"A user stopped it; {measured}"
    return word, f"Its budget of {getattr(spec.budget, word):g} {NAMES[word]} ended the search; {measured}"
