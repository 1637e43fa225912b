"""When a budget's limits end the search, and how a search that has ended early goes on: with the confirmations."""

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from sparseift.records import Budget, JobSpec, Plan
from store.spending import Spent
from worker.search import Row, confirm_seeds, searched_families

NAMES = {"wall_time_s": "seconds of wall time", "device_hours": "device-hours", "training_flops": "training FLOPs"}


def has_limits(budget: Budget) -> bool:
    """Whether there is a limit beside the number of trials."""
    return any(getattr(budget, name) is not None for name in NAMES)


def reserve(spec: JobSpec, plan: Plan, rows: Sequence[Row], seconds: Sequence[float], slots: int) -> Spent:
    """What the baseline, the confirmations and the ladder that are still to come will cost.

    At equal FLOPs every trial costs about a dense one in training FLOPs, a rung of the ladder its multiple of that; in
    time, as many times the median of those that are complete, and nothing before there is one.

    Args:
        seconds: that complete trials took. slots: on which the job runs.
    """
    seeds = len(confirm_seeds(spec))
    finals = len(searched_families(spec, plan)) * spec.budget.confirm_seeds
    done = sum(r.kind in ("baseline", "confirm") and r.state == "complete" for r in rows)
    left = max(0, seeds + finals - done) + sum(spec.ladder) * seeds  # in dense trainings
    trial_s = median(seconds) if seconds else 0.0
    rounds = math.ceil(left / max(1, slots))
    return Spent(rounds * trial_s, left * trial_s / 3600.0, left * plan.dense_training_flops)


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
