"""Every example in the library's docstrings runs and shows what it says."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import sparseift

MODULES = [
    info.name
    for info in pkgutil.walk_packages(sparseift.__path__, "sparseift.")
    if not info.name.startswith("sparseift.cli")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    failed, _ = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    found = [t.name for name in MODULES for t in finder.find(import_module(name)) if t.examples]
    assert len(found) >= 4, found
