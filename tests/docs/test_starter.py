"""The starter notebook's cells, run in order against a live service over real rows."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.notebooks.conftest import Served, stocked_service

FILE = Path(__file__).parents[2] / "docs" / "notebooks" / "starter.ipynb"

pytestmark = pytest.mark.slow


@pytest.fixture
def served(sqlite_template: Path, tmp_path: Path) -> Iterator[Served]:
    with stocked_service(sqlite_template, tmp_path) as service, service.up():
        yield service


def cells() -> list[dict[str, Any]]:
    notebook = json.loads(FILE.read_text())
    assert notebook["nbformat"] == 4
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(source: str, scope: dict[str, Any]) -> Any:
    """A cell's last expression, as a kernel shows it."""
    tree = ast.parse(source)
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        exec(compile(tree, str(FILE), "exec"), scope)
        return None
    exec(compile(ast.Module(tree.body[:-1], []), str(FILE), "exec"), scope)
    return eval(compile(ast.Expression(last.value), str(FILE), "eval"), scope)


def test_every_cell_runs(served: Served) -> None:
    scope: dict[str, Any] = {}
    shown: dict[str, Any] = {}
    for cell in cells():
        assert cell["outputs"] == []
        shown[cell["id"]] = run("".join(cell["source"]), scope)
        if "parameters" in cell["metadata"].get("tags", []):
            assert scope["job"] == ""
            scope |= {"url": served.url, "job": served.jobs["finished"]}
    assert "confirmed on fresh seeds" in shown["connect"]
    assert "Sparse Wide" in shown["curve"].to_dict()["description"]
    assert "+2." in shown["best"].to_dict()["description"]
    assert "dense 2." in shown["equivalence"].to_dict()["description"]
    assert scope["summary"].loc[("sparse_wide", 0.75), "mean"] > 79
    scope["client"].close()
