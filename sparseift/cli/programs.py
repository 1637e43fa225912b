"""Finding the programs above this library: `service`, `worker`, `analysis`, `store`.

They are started by name and never imported here: the wheel carries the library alone (the names `service` and
`worker` belong to others on the package index), so they exist only beside a checkout of the repository.
"""

import os
import sys
from pathlib import Path
from typing import Any

from sparseift import catalog
from sparseift.cli import tether
from sparseift.cli.failures import UsageProblem

PROGRAMS = ("service", "worker", "analysis", "store")


def root() -> Path:
    """The repository's root, which holds the programs.

    Raises:
        UsageProblem: only the library is installed.
    """
    folder = Path(__file__).resolve().parents[2]
    missing = [name for name in PROGRAMS if not (folder / name / "__init__.py").is_file()]
    if missing:
        raise UsageProblem(
            f"This command needs the programs {', '.join(missing)}, and only the sparseift library is installed; "
            'clone the repository and run `pip install -e ".[all]"` there.'
        )
    return folder


def environment(database: str) -> dict[str, str]:
    """This process's environment, with the programs importable by the children and the database's address.

    The address goes here and not into command lines, which every user of the machine can read.
    """
    paths = [str(root()), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "SPARSEIFT_DATABASE": database}


def command(module: str, *arguments: str) -> list[str]:
    """The command line that runs a program with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def tethered(module: str, *arguments: str) -> list[str]:
    """As `command`, for a child that ends when its stdin does: it cannot outlive us, however we end."""
    return command(tether.MODULE, module, *arguments)


def reach(reference: str) -> Any:
    """The object "module:attribute" of a program, for what needs no process of its own (migrations).

    Raises:
        UsageProblem: the program, or a package it needs, is not installed.
    """
    folder = str(root())
    if folder not in sys.path:  # first, before packages of the same names that others published
        sys.path.insert(0, folder)
    try:
        return catalog.load(reference)
    except ModuleNotFoundError as error:
        raise UsageProblem(
            f'The package {error.name} is not installed; run `pip install -e ".[all]"` in the repository.'
        ) from error
