"""Which configuration of a family is trained again on fresh seeds: the best by a smooth fit, not a lucky seed.

The Gaussian process that also proposes (`worker.surrogate`) pools neighbours and families, so that one lucky run does
not win by itself.
"""

from collections.abc import Sequence

import numpy as np

from sparseift.records import Configuration, Plan, Space
from worker.suggest import Seen, losses, places_of
from worker.surrogate import fit

FEWEST = 4  # distinct configurations of a family below which means are compared as they are


def choose(
    space: Space, plan: Plan, measured: Sequence[tuple[Configuration, float]], family: str
) -> Configuration | None:
    """The configuration of a family to confirm; None where nothing of it was measured. Ties go to the earlier one.

    `measured` holds (configuration, validation metric) of each complete search trial of the job, by number.
    """
    means, counts = losses(plan, [Seen(c, "measured", value) for c, value in measured])
    configurations = list(means)
    scores = np.array(list(means.values()))
    mine = [i for i, c in enumerate(configurations) if c.family == family]
    if not mine:
        return None
    if len(mine) >= FEWEST:
        places = places_of(space, plan, configurations)
        surrogate = fit(places, scores, counts)
        # Rounded, so that the last bits of a sum cannot decide between equals.
        scores = np.round(surrogate.at(places)[0] / surrogate.spread, 9)
    return configurations[min(mine, key=lambda i: scores[i])]
