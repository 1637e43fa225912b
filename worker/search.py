"""A job's next trial, as a pure function of what was asked, the plan, and the trials so far. No torch, no SQL.

The order is fixed: points that no sizes can meet (recorded, never trained), the dense baseline on every confirmation
seed, the search over the families (`worker.turns`), the best configuration of each family on the baseline's seeds, so
that differences are paired, and last the ladder of larger dense models on the same seeds. Proposal n of the search
waits for proposals 0 … n − in_flight and looks at their results alone: a job's trials depend neither on which ends
first nor on what was killed in between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparseift.records import DENSE, Configuration, JobSpec, Plan, Point, derive_seed
from worker.choose import choose
from worker.suggest import Seen, suggest
from worker.turns import whose

ENDED = ("complete", "pruned", "infeasible", "failed", "cancelled")
INFRASTRUCTURE = "infrastructure"


@dataclass(frozen=True, slots=True)
class Row:
    """What the search knows of a trial: the fields of the same names in `store.tables.Trial`."""

    number: int
    kind: str
    configuration: Configuration
    seed: int
    state: str
    reason: str
    value: float | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED

    @property
    def is_free(self) -> bool:
        """Whether it costs no budget: lost to the infrastructure for good, or refused when it was built."""
        return self.state == "infeasible" or (self.state == "failed" and self.reason == INFRASTRUCTURE)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The trial to add, numbered by how many there are. An infeasible point is recorded, never trained."""

    number: int
    kind: str  # baseline | search | confirm | ladder
    configuration: Configuration
    seed: int
    point: Point


class Wait:
    """Nothing can be added until a running trial ends."""


class Done:
    """Every trial of the job has ended and no other will be added."""


def confirm_seeds(spec: JobSpec) -> tuple[int, ...]:
    """The seeds of the confirmations, and of the baseline, which has at least one."""
    return tuple(derive_seed(spec.seed, "confirm", i) for i in range(max(1, spec.budget.confirm_seeds)))


def searched_families(spec: JobSpec, plan: Plan) -> tuple[str, ...]:
    """The job's families that have a feasible point, in the order in which they take turns."""
    return tuple(f for f in spec.families if plan.grid(f))


NO_STARTS: Mapping[str, Sequence[Configuration]] = {}


def decide(
    spec: JobSpec, plan: Plan, rows: Sequence[Row], starts: Mapping[str, Sequence[Configuration]] = NO_STARTS
) -> Proposal | Wait | Done:
    """What to do next.

    Args:
        rows: every trial of the job by number.
        starts: for a family, what it proposes first (`worker.transfer`); always the same for one job.
    """
    number = len(rows)
    refused = [p for p in plan.points if not p.feasible]
    if number < len(refused):
        point = refused[number]
        configuration = Configuration(point.family, point.nominal_sparsity)
        return Proposal(number, "search", configuration, derive_seed(spec.seed, "search", 0), point)

    missing = missing_baseline(spec, rows)
    if missing is not None:
        return Proposal(number, "baseline", *missing, plan.dense)

    searched = [r for r in rows[len(refused) :] if r.kind == "search"]
    families = searched_families(spec, plan)
    if families:
        index, budget = len(searched), spec.budget.search_trials
        if index < budget:
            if all(r.ended for r in searched[: max(0, index - spec.in_flight + 1)]):
                return _propose(spec, plan, families, searched, number, starts)
            return Wait()
        if not all(r.ended for r in searched):
            return Wait()
        # What cost no budget is replaced, at most once over: a broken machine must not keep a job for ever.
        free = sum(r.is_free for r in searched)
        if index < budget + min(free, budget):
            return _propose(spec, plan, families, searched, number, starts)

    missing = _missing(rows, "confirm", _finals(spec, plan, families, searched))
    if missing is not None:
        return Proposal(number, "confirm", *missing, _point(plan, missing[0]))
    rungs = {Configuration(DENSE, flop_multiple=m): p for m, p in zip(spec.ladder, plan.ladder, strict=True)}
    missing = _missing(rows, "ladder", [(rung, seed) for seed in confirm_seeds(spec) for rung in rungs])
    if missing is not None:
        return Proposal(number, "ladder", *missing, rungs[missing[0]])
    return Done() if all(r.ended for r in rows) else Wait()


def missing_baseline(spec: JobSpec, rows: Sequence[Row]) -> tuple[Configuration, int] | None:
    """The next dense training to add, and its seed; None where each seed has had its chance."""
    return _missing(rows, "baseline", [(Configuration(DENSE), seed) for seed in confirm_seeds(spec)])


def _missing(
    rows: Sequence[Row], kind: str, wanted: Sequence[tuple[Configuration, int]]
) -> tuple[Configuration, int] | None:
    """The first of `wanted` that no trial stands for; one that the infrastructure lost for good is tried once more."""
    for configuration, seed in wanted:
        tried = [r for r in rows if r.kind == kind and r.seed == seed and r.configuration == configuration]
        if not tried or (len(tried) == 1 and tried[0].state == "failed" and tried[0].reason == INFRASTRUCTURE):
            return configuration, seed
    return None


def _propose(
    spec: JobSpec,
    plan: Plan,
    families: Sequence[str],
    searched: Sequence[Row],
    number: int,
    starts: Mapping[str, Sequence[Configuration]],
) -> Proposal:
    place = len(searched)
    known = place - spec.in_flight + 1  # results that every asker has, whatever the timing
    seen = [_seen(row, known=i < known) for i, row in enumerate(searched)]
    earlier = [one for one in seen if one is not None]
    draw = derive_seed(spec.seed, "sampler", place)
    family = whose(spec.space, plan, families, place, earlier, seed=draw)
    given = starts.get(family, ())
    turn = sum(row.configuration.family == family for row in searched)
    started = turn < len(given)
    configuration = given[turn] if started else suggest(spec.space, plan, family, earlier, seed=draw)
    repeats = sum(r.configuration == configuration for r in searched)
    seed = derive_seed(spec.seed, "search", repeats)  # shared over configurations: differences are paired
    return Proposal(number, "search", configuration, seed, _point(plan, configuration))


def _seen(row: Row, *, known: bool) -> Seen | None:
    if not known:
        return Seen(row.configuration, "unknown")
    if row.state == "complete" and row.value is not None:
        return Seen(row.configuration, "measured", row.value)
    if row.state == "failed" and row.reason == INFRASTRUCTURE:
        return None
    return Seen(row.configuration, "bad")


def _point(plan: Plan, configuration: Configuration) -> Point:
    nominal = round(configuration.nominal_sparsity, 6)  # as `Configuration.canonical` stores it
    return next(p for p in plan.grid(configuration.family) if round(p.nominal_sparsity, 6) == nominal)


def _finals(
    spec: JobSpec, plan: Plan, families: Sequence[str], searched: Sequence[Row]
) -> list[tuple[Configuration, int]]:
    """The confirmations in order: seed by seed, so that no family is ahead when a job ends early."""
    if spec.budget.confirm_seeds == 0:
        return []
    measured = [(r.configuration, r.value) for r in searched if r.state == "complete" and r.value is not None]
    best = choose(spec.space, plan, measured)
    chosen = [best[family] for family in families if family in best]
    return [(configuration, seed) for seed in confirm_seeds(spec) for configuration in chosen]
