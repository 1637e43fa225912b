"""The pages of finished statistics (best, equivalence, Pareto): what they read, and what they say first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.best import FamilyBest
from analysis.charting.equivalence import multiplier_text
from analysis.charting.gains import VERDICTS
from analysis.curve import Curve
from analysis.labels import family_name
from analysis.notebooks.api import Api, Job, Json
from analysis.notebooks.curves import configuration_address
from analysis.notebooks.live import Frame
from analysis.tables import Table
from analysis.units import percent

COSTS = {  # words -> value in the address
    "inference FLOPs": "forward_flops",
    "training FLOPs": "training_flops",
    "executed FLOPs": "executed_flops",
    "parameters": "parameters",
    "non-zero parameters": "nonzero_parameters",
    "training time": "seconds",
}
DEFAULT_COST = "forward_flops"
NAMED = 6  # ties of a family by name


@dataclass(frozen=True, slots=True)
class Best:
    """The curve and what is asked of it further."""

    curve: Curve
    comparison: Json
    smooth: Json


def read_best(api: Api, frame: Frame) -> Best:
    """Curve, comparison with dense, and smooth curves."""
    job = _job(frame)
    return Best(api.curve(job.id), api.answer(job.id, "compare"), api.answer(job.id, "smooth"))


@dataclass(frozen=True, slots=True)
class Equivalence:
    """The dense ladder with what sparse points equal on it, and their means by key."""

    answer: Json
    means: Mapping[str, float]


def read_equivalence(api: Api, frame: Frame) -> Equivalence:
    """The answer and the means of the points it is of."""
    job = _job(frame)
    means = {p.configuration_key: p.mean for p in api.curve(job.id).points}
    return Equivalence(api.answer(job.id, "equivalence"), means)


def read_pareto(api: Api, frame: Frame) -> Json:
    """The front over the address's cost."""
    return api.answer(_job(frame).id, f"pareto?cost={cost(frame)}")


def cost(frame: Frame) -> str:
    """The address's cost, if it is one."""
    given = frame.get("cost", DEFAULT_COST)
    return given if given in COSTS.values() else DEFAULT_COST


def only(curve: Curve, family: str) -> Sequence[FamilyBest]:
    """The bests of one family, or all."""
    return [b for b in curve.best if family in ("", b.family)]


def ties_sentence(answer: Json) -> str:
    """Which families the seeds do not separate from the best."""
    names = [c["family"] for c in answer["comparisons"] if c["key"] in answer["ties"]]
    if len(names) < 2:
        return ""
    return f"Not separated by these seeds: {', '.join(family_name(n) for n in names)}."


def how(answer: Json) -> str:
    """What the intervals are."""
    if not answer["comparisons"]:
        return ""
    n = answer["intervals"]
    together = f", which hold for {n} comparisons together" if answer["multiplicity"] == "bonferroni" else ""
    return f"95 % intervals{together}; hollow: level with dense or without an interval."


def tied_table(curve: Curve, family: str = "") -> Table:
    """Per family: its best, how sure that is, and the configurations that noise does not separate from it."""
    points = {p.configuration_key: p for p in curve.points}
    rows = []
    for b in only(curve, family):
        tied = [points[key] for key in b.tied_with if key in points]
        named = tied[:NAMED]
        names = "; ".join(f"{percent(p.sparsity)} {p.schedule}" for p in named)
        left = len(b.tied_with) - len(named)
        more = f" and {left} more" if left and names else f"{left} others" if left else ""
        rows.append(
            {
                "Family": family_name(b.family),
                "Best": f"{percent(b.point.sparsity)}, {b.point.schedule}",
                "P(best)": "–" if b.probability is None else f"{b.probability:.2f} of {b.compared}",
                "Status": "confirmed" if b.point.confirmed else "provisional",
                "Tied with": names + more or "none",
            }
        )
    return rows


def best_headline(best: Best) -> str:
    """The families in the order of their differences, in a sentence."""
    shown = [c for c in best.comparison["comparisons"] if c["difference"] is not None]
    if not shown:
        return best.curve.headline
    words = [f"{family_name(c['family'])} {percent(c['sparsity'])} {VERDICTS[c['verdict']]}" for c in shown]
    return f"Against dense at equal FLOPs: {', '.join(words)}."


def lack_of_fit(answer: Json) -> str:
    """Whether the dense curve follows the dense models."""
    p = answer["lack_of_fit"]
    if p is None:
        return ""
    said = "misses the dense models" if p < 0.05 else "follows the dense models"
    return f"The fitted curve {said} (lack of fit: p = {p:.2f})."


def others(answer: Json) -> list[str]:
    """The multipliers behind the first, and those that there are none of, with the reason."""
    return [
        f"{family_name(m['family'])} at {percent(m['sparsity'])}: {multiplier_text(m)}."
        if m["value"] is not None
        else f"{family_name(m['family'])} at {percent(m['sparsity'])}: {m['message']}"
        for m in answer["multipliers"]
    ]


def linker(job: Job, theme: str) -> Callable[[Mapping[str, Any]], str]:
    """Where a configuration of an answer leads."""
    return lambda c: configuration_address(job.id, c["family"], c["sparsity"], c["key"], theme)


def row_linker(items: Sequence[Mapping[str, Any]], job: Job, theme: str) -> Callable[[int], str]:
    """Where a row of a table of an answer leads."""
    link = linker(job, theme)
    return lambda i: link(items[i])


def front_headline(answer: Json) -> str:
    """How many configurations nothing beats for their cost."""
    front = [p for p in answer["points"] if p["is_front"]]
    if not answer["points"]:
        return "No configuration has a result yet."
    sparse = sum(p["family"] != "dense" for p in front)
    words = f"{len(front)} of {len(answer['points'])} configurations are on the front, {sparse} of them sparse"
    return f"{words}, over {answer['cost_unit']}."


def _job(frame: Frame) -> Job:
    assert frame.job is not None
    return frame.job
