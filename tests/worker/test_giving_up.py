"""When a job's baseline has failed: not by one seed's bad luck, and not before what was lost has been tried again."""

from sparseift.records import DENSE, Budget, Configuration
from tests.worker.fakes import make_plan, make_spec
from worker.giving_up import reason_to_give_up
from worker.search import Proposal, Row, confirm_seeds, decide

SPEC = make_spec(budget=Budget(6, 3))
PLAN = make_plan()
REFUSED = [
    Row(i, "search", Configuration(p.family, p.nominal_sparsity), 1, "infeasible", "infeasible", None)
    for i, p in enumerate(p for p in PLAN.points if not p.feasible)
]


def failed(*reasons: tuple[int, str]) -> list[Row]:
    """Failed baselines by (index of the seed, failure class)."""
    seeds = confirm_seeds(SPEC)
    rows = list(REFUSED)
    for index, reason in reasons:
        rows.append(Row(len(rows), "baseline", Configuration(DENSE), seeds[index], "failed", reason, None))
    return rows


def verdict(rows: list[Row]) -> str | None:
    found = reason_to_give_up(SPEC, rows, [f"message {row.number}" for row in rows])
    return found and found[0]


def test_every_seed_has_its_chance() -> None:
    assert verdict(failed((0, "diverged"))) is None
    assert verdict(failed((0, "diverged"), (1, "diverged"))) is None
    assert verdict(failed((0, "diverged"), (1, "diverged"), (2, "diverged"))) == "baseline_failed"


def test_what_the_infrastructure_lost_is_tried_again_first() -> None:
    rows = failed((0, "infrastructure"))
    assert verdict(rows) is None
    again = decide(SPEC, PLAN, rows)
    assert isinstance(again, Proposal)
    assert (again.kind, again.seed) == ("baseline", confirm_seeds(SPEC)[0])
    lost = failed(*((i, "infrastructure") for i in (0, 0, 1, 1, 2, 2)))
    assert verdict(lost) == "baseline_failed"
    assert verdict(lost[:-1]) is None


def test_a_mistake_needs_no_second_seed() -> None:
    assert verdict(failed((0, "user"))) == "baseline_failed"
