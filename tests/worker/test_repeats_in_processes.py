"""The same job with one slot, twice: whole workers as processes, real training, databases of their own.

Enough search trials that the Gaussian process proposes and a configuration comes again, so that a training that is not
repeatable would change values, and with them proposals.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sparseift.records import Budget, Space
from tests.worker.test_same_on_engines import JOB, trained

pytestmark = [pytest.mark.slow, pytest.mark.long]
SEARCHED = replace(
    JOB,
    space=Space(
        sparsities=(0.5,),
        methods=("static", "rigl"),
        delta_t_steps=(8, 8),
        drop_fraction=(0.3, 0.3),
        t_end_fraction=(0.75, 0.75),
    ),
    budget=Budget(search_trials=8, confirm_seeds=1),
    in_flight=1,
)
KINDS = ["baseline", *["search"] * 8, *["confirm"] * 2]


def test_two_worker_processes_make_the_same_job_of_the_same_seed(sqlite_template: Path, tmp_path: Path) -> None:
    found = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(sqlite_template, folder / "sparseift.db")
        found.append(trained(f"sqlite:///{folder / 'sparseift.db'}", folder, SEARCHED))
    (first, first_attempts), (second, second_attempts) = found
    assert [t["kind"] for t in first] == KINDS
    assert {t["state"] for t in first} == {"complete"}
    searched = [(t["configuration_key"], t["seed"]) for t in first if t["kind"] == "search"]
    assert len(set(searched)) == 8 > len({key for key, _ in searched}), "a configuration came again, on another seed"
    assert [t["test_value"] is None for t in first] == [kind == "search" for kind in KINDS]
    assert all(len(t["reports"]) >= 4 for t in first)
    assert len({t["reports"][-1][1] for t in first}) == len(first), "every run has a training loss of its own"
    for once, again in zip(first, second, strict=True):
        assert again == once
    assert [a.slot.partition("/")[2] for a in first_attempts] == ["cpu:0"] * len(first)
    processes = [{a.process for a in attempts} for attempts in (first_attempts, second_attempts)]
    assert not processes[0] & processes[1], "nothing was shared between both"
