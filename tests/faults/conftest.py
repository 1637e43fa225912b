"""Processes that are killed, and what a job must look like after it."""

from pathlib import Path

import pytest

from tests.worker.conftest import workers

__all__ = ["pytest_collection_modifyitems", "workers"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `faults(long=True)`, unless only faults are asked for: `-m faults`."""
    if config.option.markexpr == "faults":
        return
    here = Path(__file__).parent
    left_out = [i for i in items if here in i.path.parents and any(m.kwargs for m in i.iter_markers("faults"))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
