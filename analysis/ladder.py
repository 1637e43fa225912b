"""The larger dense models of a job: its ladder as rungs, and what of the job is held against it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.best import FamilyBest, Winner, by_seed, job_noise
from analysis.blocks import contrasts
from analysis.equivalence import DenseSize, EquivalenceAnswer, dense_sizes, equivalence, is_one_size
from analysis.measurement import Measurement
from analysis.points import CurvePoint, DensePoint
from analysis.statistics import Difference
from sparseift.records import Metric


@dataclass(frozen=True, slots=True)
class DenseRung:
    """One larger dense model.

    Attributes:
        flop_multiple: its forward FLOPs over the baseline's, as counted.
        mean, low, high: validation metric with the 95 % interval of its own seeds alone; None for one seed.
        seeds, values: its runs, in the order of the seeds.
        gain: of the job's winner over it, positive when the winner is better, with an interval that holds for all that
            the winner was picked from; None while nothing is confirmed.
    """

    flop_multiple: float
    mean: float
    low: float | None
    high: float | None
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    gain: Difference | None = None

    @property
    def name(self) -> str:
        """e.g. "Dense 1.41×"."""
        return f"Dense {multiple_text(self.flop_multiple)}"


def multiple_text(multiple: float) -> str:
    """A multiple of the dense baseline's FLOPs, e.g. "2×", "1.41×"."""
    return f"{multiple:.3g}×"


def ladder(
    measurements: Sequence[Measurement],
    points: Sequence[CurvePoint],
    dense: DensePoint | None,
    winner: Winner | None,
    metric: Metric,
) -> tuple[DenseRung, ...]:
    """The dense models beside the baseline, smallest first; () for a job without a ladder.

    Args:
        points: all of the job's; winner: the best of all, if there is one.
    """
    rungs_of = dense_sizes([m for m in measurements if m.kind == "ladder"])
    sizes = [s for s in rungs_of if not is_one_size(1.0, s.flop_multiple)]  # a rung that came out as the baseline is it
    if not sizes:
        return ()
    found = tuple(
        DenseRung(s.flop_multiple, s.mean, s.low, s.high, tuple(s.runs), tuple(s.runs.values())) for s in sizes
    )
    if winner is None or not winner.point.confirmed:
        return found
    noise, best = job_noise(points, dense), by_seed(winner.point, metric)
    others = [by_seed(p, metric) for p in points if p.iso_flop] + ([by_seed(dense, metric)] if dense else [])
    rungs = [by_seed(rung, metric) for rung in found]

    def over(i: int) -> Difference:
        block = [*others, *rungs[:i], *rungs[i + 1 :]]
        return contrasts(rungs[i], block, noise).difference(best, winner.picked_from)

    return tuple(replace(rung, gain=over(i)) for i, rung in enumerate(found))


def rivals(points: Sequence[CurvePoint], best: Sequence[FamilyBest]) -> tuple[CurvePoint, ...]:
    """What a confirmed winner was picked from (`Winner.picked_from`): every confirmed configuration, bests first."""
    first = tuple(b.point for b in best if b.point.confirmed and b.point.iso_flop)
    known = {p.configuration_key for p in first}
    others = (p for p in points if p.confirmed and p.iso_flop and p.configuration_key not in known)
    return (*first, *others)


def equivalents(
    sizes: Sequence[DenseSize], points: Sequence[CurvePoint], best: Sequence[FamilyBest], metric: Metric
) -> EquivalenceAnswer:
    """The multipliers of all `rivals`, whose intervals hold together; behind them those of provisional bests.

    A provisional best's interval holds together with other provisional ones' alone: it was picked by its own runs, so
    that it cannot be had right anyway, and it widens no confirmed one's.
    """
    confirmed = rivals(points, best)
    provisional = [b.point for b in best if not b.point.confirmed]
    answer = equivalence(sizes, confirmed or provisional, metric)
    if not (confirmed and provisional):
        return answer
    more = equivalence(sizes, provisional, metric)
    return replace(answer, multipliers=(*answer.multipliers, *more.multipliers))
