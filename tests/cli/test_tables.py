"""The dry run's table: what was asked, what was solved, and what was moved or refused on the way."""

from io import StringIO
from typing import Any

from rich.console import Console

from service.examples import DRY_RUN
from sparseift.cli.tables import plan_table


def shown(**changes: Any) -> str:
    plan = DRY_RUN["plan"]
    point = {**plan["points"][0], **changes}
    screen = StringIO()
    Console(file=screen, width=200).print(plan_table({**plan, "points": [point]}))
    return screen.getvalue()


def test_the_nominal_sparsity_is_called_so() -> None:
    assert "nominal" in shown()
    assert "asked" not in shown()


def test_a_feasible_point_says_what_was_moved() -> None:
    told = shown(scale="k = 3 branches", reason="Stands for 0.6 too, which [k = 3] gives the same size.")
    assert "k = 3 branches. Stands for 0.6 too, which [k = 3] gives the same size." in told
    assert "refused" not in told


def test_a_refused_point_says_why() -> None:
    told = shown(feasible=False, reason="No [bold] width meets it.")
    assert "refused" in told
    assert "No [bold] width meets it." in told
