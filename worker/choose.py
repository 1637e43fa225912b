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


def choose(space: Space, plan: Plan, measured: Sequence[tuple[Configuration, float]]) -> dict[str, Configuration]:
    """The configuration of each measured family to confirm. Ties go to the earlier one.

    `measured` holds (configuration, validation metric) of each complete search trial of the job, by number.
    """
    means, counts = losses(plan, [Seen(c, "measured", value) for c, value in measured])
    configurations, raw = list(means), np.array(list(means.values()))
    of_family: dict[str, list[int]] = {}
    for i, configuration in enumerate(configurations):
        of_family.setdefault(configuration.family, []).append(i)
    smooth = raw
    if any(len(mine) >= FEWEST for mine in of_family.values()):
        places = places_of(space, plan, configurations)
        surrogate = fit(places, raw, counts)
        # Rounded, so that the last bits of a sum cannot decide between equals.
        smooth = np.round(surrogate.at(places)[0] / surrogate.spread, 9)
    chosen: dict[str, Configuration] = {}
    for family, mine in of_family.items():
        scores = smooth if len(mine) >= FEWEST else raw
        chosen[family] = configurations[min((float(scores[i]), i) for i in mine)[1]]
    return chosen
