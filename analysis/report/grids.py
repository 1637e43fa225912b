"""The tables of a report, as text."""

from collections.abc import Iterable

from analysis.comparison import Comparison
from analysis.curve import Curve
from analysis.labels import family_name
from analysis.palette import order
from analysis.report.conclusions import duration
from analysis.report.material import Material
from analysis.report.runs import Environment, Loss, Outcome
from analysis.spending import Entry
from analysis.tables import NOTHING, Table
from analysis.units import difference_unit, number, percent
from sparseift.records import DENSE, Plan

KINDS = {
    "baseline": "Dense baseline",
    "search": "Search",
    "confirm": "Confirmation, fresh seeds",
    "ladder": "Larger dense models",
}
STATES = ("complete", "running", "waiting", "pruned", "infeasible", "failed", "cancelled")
NAMES = {  # of an environment's facts, in this order; others follow
    "sparseift": "sparseift",
    "git_commit": "Git commit",
    "python": "Python",
    "torch": "PyTorch",
    "numpy": "NumPy",
    "optuna": "Optuna",
    "platform": "Platform",
    "host": "Host",
    "device": "Device",
    "device_model": "Device model",
    "threads": "Threads",
}
LONGEST = 300  # characters of a message


def comparisons(found: Material) -> Table:
    """Each family's best against dense, in intervals that hold together."""
    unit = found.curve.metric.unit
    seeds = {p.configuration_key: p.seeds for p in found.curve.points}
    return [
        {
            "Family": family_name(c.family),
            "Sparsity": percent(c.sparsity),
            f"Against dense ({difference_unit(unit)})": _difference(c, unit),
            "95 % interval": NOTHING
            if c.low is None or c.high is None
            else f"{number(c.low, unit, signed=True)} to {number(c.high, unit, signed=True)}",
            "Verdict": "refused" if c.refusal else c.verdict,
            "Seeds": _seeds(seeds.get(c.key, ()), c.seeds),
            "FLOPs × dense": f"{c.flop_ratio:.4f}",
            "Configuration": c.key,
        }
        for c in found.comparison.comparisons
    ]


def _difference(c: Comparison, unit: str) -> str:
    return NOTHING if c.difference is None else number(c.difference, unit, signed=True)


def _seeds(seeds: tuple[int, ...], n: int) -> str:
    shown = ", ".join(map(str, seeds[:6])) + (", …" if len(seeds) > 6 else "")
    return f"n = {n} ({shown})" if shown else f"n = {n}"


def kinds(found: Material) -> Table:
    """Runs per kind: planned, and what became of them."""
    rows, used = [], [s for s in STATES if found.trials(s)]
    for kind, name in KINDS.items():
        mine = [o for o in found.outcomes if o.kind == kind]
        if not mine and not found.planned.get(kind):
            continue
        counts = {s.capitalize(): str(_count(mine, s)) for s in used}
        rows.append({"Runs": name, "Planned": str(found.planned.get(kind, 0)), **counts})
    return rows


def families(found: Material) -> Table:
    """Runs per family and state."""
    names = sorted({o.family for o in found.outcomes}, key=lambda f: (f != DENSE, order(f)))
    used = [s for s in STATES if found.trials(s)]
    return [
        {
            "Family": family_name(f),
            **{s.capitalize(): str(_count([o for o in found.outcomes if o.family == f], s)) for s in used},
        }
        for f in names
    ]


def _count(outcomes: Iterable[Outcome], state: str) -> int:
    return sum(o.trials for o in outcomes if o.state == state)


def reasons(found: Material, most: int = 40) -> Table:
    """Why runs have no result, most frequent first; of each reason one message."""
    without = [o for o in found.outcomes if o.state in ("pruned", "infeasible", "failed", "cancelled")]
    without.sort(key=lambda o: (-o.trials, o.first))
    return [
        {
            "State": o.state,
            "Reason": o.reason.replace("_", " ") or NOTHING,
            "Runs": f"{o.trials} of {family_name(o.family)}",
            "For example": f"trial {o.first}: {_short(o.message)}" if o.message else f"trial {o.first}",
        }
        for o in without[:most]
    ]


def losses(rows: Iterable[Loss]) -> Table:
    """Attempts that ended without a result; their trials may have gone on in another."""
    return [
        {
            "Attempt": x.state.replace("_", " "),
            "Class": x.failure_class.replace("_", " ") or NOTHING,
            "Attempts": str(x.attempts),
            "For example": _short(x.message) or NOTHING,
        }
        for x in rows
    ]


def refused(plan: Plan) -> Table:
    """The points of the space that cannot meet the budget."""
    return [
        {"Family": family_name(p.family), "Asked for": percent(p.nominal_sparsity), "Why not": _short(p.reason)}
        for p in plan.points
        if not p.feasible
    ]


def spending(found: Material) -> Table:
    """Where the compute went, by what became of the work."""
    return [
        {
            "What became of it": "Total" if e.name == "total" else e.name.capitalize(),
            "Trials": str(e.trials),
            "Algorithmic FLOPs": f"{e.algorithmic_flops:.3e}",
            "Executed FLOPs": f"{e.executed_flops:.3e}",
            "Slots held": duration(e.device_seconds),
        }
        for e in (*(e for e in found.ledger.by_outcome if _took(e)), found.ledger.total)
    ]


def _took(entry: Entry) -> bool:
    return bool(entry.trials or entry.algorithmic_flops or entry.device_seconds)


def environments(rows: Iterable[Environment]) -> Table:
    """A row per fact, a column per environment; facts that all share are told once."""
    found = tuple(rows)
    known = [*NAMES, *sorted({name for e in found for name in e.facts} - set(NAMES))]
    heads = [f"{e.attempts} attempt{'' if e.attempts == 1 else 's'}" for e in found]
    if len(set(heads)) < len(heads):
        heads = [f"{chr(ord('A') + i % 26)}: {head}" for i, head in enumerate(heads)]
    return [
        {"Fact": NAMES.get(name, name), **{h: e.facts.get(name, NOTHING) for h, e in zip(heads, found, strict=True)}}
        for name in known
        if any(name in e.facts for e in found)
    ]


def seeds_text(curve: Curve) -> str:
    """Which seeds the dense baseline ran on."""
    if curve.dense is None:
        return "Dense has no result."
    return f"Dense: n = {len(curve.dense.seeds)} (seeds {', '.join(map(str, curve.dense.seeds))})."


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
