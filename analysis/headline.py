"""The one sentence on top of a page, computed; and the sentence of a page that has nothing to show yet.

A gain is called one only where its interval clears zero.
"""

from collections.abc import Mapping, Sequence

from analysis.best import Winner, verdict
from analysis.equivalence import Multiplier
from analysis.labels import family_name
from analysis.ladder import DenseRung
from analysis.points import CurvePoint, DensePoint
from analysis.statistics import Difference
from analysis.units import difference_unit, number, percent, value_text
from sparseift.records import Metric

FINISHED = ("complete", "pruned", "failed", "cancelled")
REFUSED = "infeasible"  # a point without sizes is recorded as a trial, and is no run


def progress_text(counts: Mapping[str, int], expected: int | None) -> str:
    """ "12 of 26 runs finished, 1 failed"; without runs "no run has started". Refused points are no runs."""
    total = max(expected or 0, _runs(counts))
    if not total:
        return "no run has started"
    done = sum(counts.get(state, 0) for state in FINISHED)
    runs = "run" if total == 1 else "runs"
    text = f"{done} of {total} {runs} finished"
    others = [f"{counts[s]} {s}" for s in FINISHED[1:] if counts.get(s)]
    return ", ".join([text, *others])


def is_unfinished(counts: Mapping[str, int], expected: int | None) -> bool:
    """Whether more runs will come."""
    return sum(counts.get(s, 0) for s in FINISHED) < max(expected or 0, _runs(counts))


def gain_text(gain: Difference, unit: str) -> str:
    """The comparison, e.g. "0.031 bits/byte better than dense at equal FLOPs (95 % interval …, n = 3 seeds)"."""
    each, mean = difference_unit(unit), number(gain.mean, unit, signed=True)
    seeds = _seeds(gain.n)
    if gain.low is None or gain.high is None:
        kind = "gain" if gain.mean >= 0 else "loss"
        return f"{mean} {each} against dense at equal FLOPs ({seeds}, no interval), not yet a {kind}"
    if verdict(gain) == "level":
        low, high = number(gain.low, unit, signed=True), number(gain.high, unit, signed=True)
        return f"level with dense at equal FLOPs (difference {mean} {each}, 95 % interval {low} to {high}, {seeds})"
    near, far = sorted((abs(gain.low), abs(gain.high)))
    return (
        f"{number(abs(gain.mean), unit)} {each} {verdict(gain)} than dense at equal FLOPs"
        f" (95 % interval {number(near, unit)} to {number(far, unit)}, {seeds})"
    )


def headline(
    metric: Metric,
    dense: DensePoint | None,
    best: Winner | None,
    counts: Mapping[str, int],
    expected: int | None,
    confirm_seeds: int | None = None,
    multiplier: Multiplier | None = None,
    ladder: Sequence[DenseRung] = (),
) -> str:
    """One sentence for every state of a job.

    Args:
        confirm_seeds: how many were planned, if known.
        multiplier: which larger dense model the best one equals; told where its gain is one and confirmed.
        ladder: the larger dense models, smallest first.
    """
    progress = progress_text(counts, expected)
    if best is None:
        return _without_sparse(metric, dense, counts, expected)
    unfinished = is_unfinished(counts, expected)
    what = f"{family_name(best.family)} at {percent(best.point.sparsity)} sparsity"
    if best.gain is None:
        value = value_text(best.point.mean, metric.unit)
        nothing = "no dense run to compare it with" + (" yet" if unfinished else "")
        return f"{what} reaches {value}; {nothing} ({progress})."
    text = f"{what}: {gain_text(best.gain, metric.unit)}{equivalence_text(best, multiplier, ladder)}"
    if not best.point.confirmed:
        how = "provisional until confirmed" if unfinished else "not confirmed"
        return f"{text}, {how} on fresh seeds; {progress}."
    if unfinished:
        return f"{text}, on fresh seeds so far; {progress}."
    return f"{text}, {_confirmation(best.point, best.gain, confirm_seeds)}."


def equivalence_text(best: Winner, multiplier: Multiplier | None, ladder: Sequence[DenseRung] = ()) -> str:
    """ ", as good as a dense model of 2.1× [1.8, 2.5] the FLOPs"; or "" where there is no such model to name.

    One that is better than every dense model that was trained is "above dense 4×" where the interval of its difference
    to that largest one clears zero, else "level with dense 4×".
    """
    told = best.point.confirmed and verdict(best.gain) == "better"
    if not told or multiplier is None:
        return ""
    if multiplier.reason in ("level_with_largest", "above_range"):
        return _above_text(ladder)
    low, high = multiplier.low, multiplier.high
    if multiplier.value is None or (low is None and high is None):
        return ""
    ends = f"at most {high:.1f}" if low is None else f"at least {low:.1f}" if high is None else f"{low:.1f}, {high:.1f}"
    return f", as good as a dense model of {multiplier.value:.1f}× [{ends}] the FLOPs"


def _above_text(ladder: Sequence[DenseRung]) -> str:
    largest = ladder[-1] if ladder else None
    standing = {"better": "above", "level": "level with"}.get(verdict(largest.gain) if largest else "unknown")
    return f", {standing} {largest.name.lower()}" if largest and standing else ""


def _without_sparse(metric: Metric, dense: DensePoint | None, counts: Mapping[str, int], expected: int | None) -> str:
    progress, unfinished = progress_text(counts, expected), is_unfinished(counts, expected)
    if dense is not None:
        value = value_text(dense.mean, metric.unit)
        follow = "The sparse families follow" if unfinished else "No sparse run has a result"
        return f"Dense reaches {value} ({_seeds(len(dense.seeds))}). {follow}: {progress}."
    if unfinished or (expected is None and not counts):
        return f"No result yet ({progress}): the dense baseline comes first, then every family in turn."
    failed = counts.get("failed", 0)
    if not failed:
        return f"The job ended without a result: {progress}."
    why = "the failed run's message says" if failed == 1 else "the failed runs' messages say"
    return f"The job ended without a result: {progress}; {why} why."


def _confirmation(point: CurvePoint, gain: Difference, confirm_seeds: int | None) -> str:
    """What a finished job's confirmation was: "confirmed" only where all of it is there, and an interval."""
    found = len(point.seeds)
    if confirm_seeds is not None and found < confirm_seeds:
        return f"on {found} of {confirm_seeds} fresh seeds"
    if found == 1:
        return "on one fresh seed"
    return "confirmed on fresh seeds" if gain.low is not None else "on fresh seeds"


def _runs(counts: Mapping[str, int]) -> int:
    return sum(n for state, n in counts.items() if state != REFUSED)


def _seeds(n: int) -> str:
    return f"n = {n} seed" + ("s" if n != 1 else "")
