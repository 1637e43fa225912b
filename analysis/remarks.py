"""What a reader must know beside the headline."""

from collections.abc import Mapping, Sequence

from analysis.best import FamilyBest, Winner
from analysis.labels import family_name
from analysis.points import CurvePoint, DensePoint
from sparseift.records import DENSE


def remarks(best: Sequence[FamilyBest], winner: Winner | None, points: Sequence[CurvePoint]) -> tuple[str, ...]:
    """How many were compared, what the headline's interval allows for, ties, and what was left out."""
    notes: list[str] = []
    compared = sum(p.iso_flop for p in points)
    if best:
        kind = "configuration" if compared == 1 else "configurations"
        notes.append(f"{compared} {kind} compared, over {len(best)} {'family' if len(best) == 1 else 'families'}.")
    if winner and winner.picked_from > 1 and winner.gain and winner.gain.low is not None:
        alone = winner.picked_from == sum(a.point.confirmed for a in best)  # one of each
        among = "families" if alone else "confirmed configurations" if winner.point.confirmed else "configurations"
        notes.append(f"The headline's interval is widened for the best of {winner.picked_from} {among}.")
    notes += [_tie_text(a) for a in best if a.tied_with]
    if winner and not winner.point.confirmed and compared > 1:
        notes.append("The best of many single runs flatters itself: expect less on fresh seeds.")
    excluded = len(points) - compared
    if excluded:
        kind = "configuration is" if excluded == 1 else "configurations are"
        notes.append(f"{excluded} {kind} more than 0.1 % off dense's FLOPs, marked with a cross and not compared.")
    return tuple(notes)


def lost_seeds(
    dense: DensePoint | None, best: Sequence[FamilyBest], counts: Mapping[str, int], confirm_seeds: int
) -> tuple[str, ...]:
    """Of a job that has ended: whose runs on the `confirm_seeds` planned seeds did not all give a result.

    A family without a confirmed point has lost all of them, where others have one.
    """
    found = {a.family: len(a.point.seeds) if a.point.confirmed else 0 for a in best}
    missing = {family: confirm_seeds - n for family, n in found.items() if n < confirm_seeds}
    if missing and not any(found.values()):
        return ("No confirmation run gave a result.",)  # perhaps none was begun
    if dense and len(dense.seeds) < confirm_seeds:
        missing[DENSE] = confirm_seeds - len(dense.seeds)
    # Counts do not say which runs failed: only where enough did and none was cancelled were these among them.
    failed = counts.get("failed", 0) >= sum(missing.values()) and not counts.get("cancelled")
    how = "failed" if failed else "gave no result"
    kinds = {family: "baseline" if family == DENSE else "confirmation" for family in missing}
    return tuple(
        f"{family_name(family)}: {n} of {confirm_seeds} {kinds[family]} runs {how}." for family, n in missing.items()
    )


def _tie_text(answer: FamilyBest) -> str:
    others = len(answer.tied_with)
    kind = "configuration is" if others == 1 else "configurations are"
    chance = f" (it is the best with probability {answer.probability:.2f})" if answer.probability is not None else ""
    return f"{family_name(answer.family)}: {others} other {kind} within noise of the best{chance}."
