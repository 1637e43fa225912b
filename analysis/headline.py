"""The one sentence on top of a page, computed; and the sentence of a page that has nothing to show yet."""

from collections.abc import Mapping, Sequence

from analysis.best import FamilyBest, verdict
from analysis.labels import family_name
from analysis.points import DensePoint
from analysis.statistics import Difference
from analysis.units import difference_unit, number, percent, value_text
from sparseift.records import Metric

FINISHED = ("complete", "pruned", "infeasible", "failed", "cancelled")


def progress_text(counts: Mapping[str, int], expected: int | None) -> str:
    """ "12 of 26 runs finished, 1 failed"; without runs "no run has started"."""
    total = max(expected or 0, sum(counts.values()))
    if not total:
        return "no run has started"
    done = sum(counts.get(state, 0) for state in FINISHED)
    runs = "run" if total == 1 else "runs"
    text = f"{done} of {total} {runs} finished"
    others = [f"{counts[s]} {s}" for s in FINISHED[1:] if counts.get(s)]
    return ", ".join([text, *others])


def is_unfinished(counts: Mapping[str, int], expected: int | None) -> bool:
    """Whether more runs will come."""
    return sum(counts.get(s, 0) for s in FINISHED) < max(expected or 0, sum(counts.values()))


def gain_text(gain: Difference, unit: str) -> str:
    """The comparison, e.g. "0.031 bits/byte better than dense at equal FLOPs (95 % interval …, n = 3 seeds)"."""
    each, size = difference_unit(unit), abs(gain.mean)
    seeds = f"n = {gain.n} seed" + ("s" if gain.n != 1 else "")
    if gain.low is None or gain.high is None:
        direction = "better" if gain.mean >= 0 else "worse"
        return f"{number(size, unit)} {each} {direction} than dense at equal FLOPs ({seeds}, no interval yet)"
    if verdict(gain) == "level":
        low, high = number(gain.low, unit, signed=True), number(gain.high, unit, signed=True)
        mean = number(gain.mean, unit, signed=True)
        return f"level with dense at equal FLOPs (gain {mean} {each}, 95 % interval {low} to {high}, {seeds})"
    near, far = sorted((abs(gain.low), abs(gain.high)))
    return (
        f"{number(size, unit)} {each} {verdict(gain)} than dense at equal FLOPs"
        f" (95 % interval {number(near, unit)} to {number(far, unit)}, {seeds})"
    )


def headline(
    metric: Metric,
    dense: DensePoint | None,
    best: Sequence[FamilyBest],
    counts: Mapping[str, int],
    expected: int | None,
) -> str:
    """One sentence for every state of a job."""
    progress = progress_text(counts, expected)
    if not best:
        if dense is None:
            return f"No result yet ({progress}): the dense baseline comes first, then every family in turn."
        value = value_text(dense.mean, metric.unit)
        runs = f"n = {len(dense.seeds)} seed" + ("s" if len(dense.seeds) != 1 else "")
        follow = "The sparse families follow" if is_unfinished(counts, expected) else "No sparse run has a result"
        return f"Dense reaches {value} ({runs}). {follow}: {progress}."
    first = best[0]
    what = f"{family_name(first.family)} at {percent(first.point.sparsity)} sparsity"
    if first.point.gain is None:
        value = value_text(first.point.mean, metric.unit)
        return f"{what} reaches {value}; no dense run to compare it with yet ({progress})."
    text = f"{what}: {gain_text(first.point.gain, metric.unit)}"
    if first.point.confirmed:
        if is_unfinished(counts, expected):
            return f"{text}, on fresh seeds so far; {progress}."
        return f"{text}, {'confirmed on fresh seeds' if first.point.gain.n > 1 else 'on one fresh seed'}."
    if not is_unfinished(counts, expected):
        return f"{text}, not confirmed on fresh seeds; {progress}."
    return f"{text}, provisional until confirmed on fresh seeds; {progress}."


def remarks(best: Sequence[FamilyBest], points: int, excluded: int) -> tuple[str, ...]:
    """What a reader must know beside the headline: how many were compared, ties, and what was left out.

    `points` counts the iso-FLOP configurations compared, `excluded` those whose FLOPs differ from dense's.
    """
    notes: list[str] = []
    if best:
        families = "family" if len(best) == 1 else "families"
        kind = "configuration" if points == 1 else "configurations"
        notes.append(f"{points} {kind} compared, over {len(best)} {families}.")
        ties = [a for a in best if a.tied_with]
        notes += [_tie_text(a) for a in ties]
        if not best[0].point.confirmed and points > 1:
            notes.append("The best of many single runs flatters itself: expect less on fresh seeds.")
    if excluded:
        kind = "configuration is" if excluded == 1 else "configurations are"
        notes.append(f"{excluded} {kind} more than 0.1 % off dense's FLOPs, marked with a cross and not compared.")
    return tuple(notes)


def _tie_text(answer: FamilyBest) -> str:
    others = len(answer.tied_with)
    kind = "configuration is" if others == 1 else "configurations are"
    chance = f" (it is the best with probability {answer.probability:.2f})" if answer.probability is not None else ""
    return f"{family_name(answer.family)}: {others} other {kind} within noise of the best{chance}."
