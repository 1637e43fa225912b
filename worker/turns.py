"""Which family a search's next trial is for, as a pure function of the job's earlier proposals.

Every family has `ROUNDS` trials first. Then every other trial is taken in turn, so that each family is searched on, to
be answered for itself; the trials between go to the family that promises most over the best of all: the largest
expected improvement anywhere in it, under the process that also proposes (`worker.suggest`). Trials are compared at
their ends alone, so a family that learns slowly loses nothing by that.

A rule without the budget in it: a job that is extended has the trials of the larger job.
Regret against all trials in turn and against plain TPE: benchmarks/results/search.txt.
"""

from collections.abc import Sequence

import numpy as np

from sparseift.records import Plan, Space
from worker.layout import drawn, layout_of, rows_of
from worker.suggest import DRAWN, LARGEST, Seen, believed, improvement, losses, places_in, places_of

ROUNDS = 2  # of all families, before the most promising one gets every other trial


def whose(space: Space, plan: Plan, families: Sequence[str], place: int, earlier: Sequence[Seen], *, seed: int) -> str:
    """The family of the search's trial number `place`, counted from 0.

    Args:
        families: those with a feasible point, in the order of their turns.
        earlier: what the search knows of its earlier proposals, by number.
    """
    after = place - ROUNDS * len(families)
    if after < 0:
        return families[place % len(families)]
    turn = families[(after // 2) % len(families)]
    if after % 2 == 0 or len(families) == 1 or len({seen.configuration for seen in earlier}) > LARGEST:
        return turn
    return _most_promising(space, plan, families, earlier, seed) or turn


def _most_promising(
    space: Space, plan: Plan, families: Sequence[str], earlier: Sequence[Seen], seed: int
) -> str | None:
    """None where fewer than two families have measured anything: one that only failed promises nothing."""
    measured = list(losses(plan, earlier)[0])
    candidates = [family for family in families if any(c.family == family for c in measured)]
    if len(candidates) < 2:
        return None
    dice = np.random.default_rng(seed)
    surrogate = believed(space, plan, earlier)
    best = float(surrogate.at(places_of(space, plan, measured))[0].min())
    gains: list[float] = []
    for family in candidates:
        layout = layout_of(space, plan, family)
        tried = rows_of(layout, [c for c in measured if c.family == family])
        places = places_in(plan, layout, np.concatenate([tried, drawn(layout, DRAWN, dice)]))
        gains.append(float(improvement(surrogate, places, best).max()))
    # Rounded, so that the last bits of a sum cannot decide between equals: the first of them is taken.
    return candidates[int(np.argmax(np.round(np.array(gains) / surrogate.spread, 9)))]
