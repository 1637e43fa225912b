"""The import rules name every module of the library: a new one is not exempt by being forgotten."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EDGES = {"cli", "client", "presets"}  # the terminal, HTTP, and job files without code


def test_every_module_of_the_library_is_under_the_rule() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    ruled = next(set(c["source_modules"]) for c in contracts if c["name"].startswith("The library proper"))
    modules = {path.stem for path in (ROOT / "sparseift").iterdir() if not path.name.startswith(("_", "."))}
    assert ruled == {f"sparseift.{name}" for name in modules - EDGES}
