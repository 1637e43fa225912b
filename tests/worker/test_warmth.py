"""Which trials can use what another left in a process, and that slots are asked for accordingly."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from sparseift.masks.schedules import MaskSchedule
from sparseift.records import Configuration, Named, TrialSpec
from store.sessions import Database
from tests.worker.fakes import RUNNER, make_spec, submit
from tests.worker.test_search_repeats import HereEngine
from worker.engine import Slot
from worker.order import Order, Setting
from worker.scheduler import Scheduler
from worker.warmth import key_of

SPARSE = Configuration("sparse_wide", 0.5, MaskSchedule(method="static"))
TRIAL = TrialSpec(
    Named("mlp", {"width": 64}), Named("digits"), {"batch_size": 32, "epochs": 2}, SPARSE, "model", "default", 1, False
)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"evaluate_test": True},
        {"training": {"batch_size": 32, "epochs": 5, "learning_rate": 0.2}},
        {"configuration": replace(SPARSE, schedule=MaskSchedule(method="rigl"))},
        {"configuration": replace(SPARSE, nominal_sparsity=0.5 + 1e-9)},
    ],
)
def test_seeds_masks_and_rates_leave_a_network_as_it_is(change: dict[str, object]) -> None:
    assert key_of(replace(TRIAL, **change)) == key_of(TRIAL)


@pytest.mark.parametrize(
    "change",
    [
        {"model": Named("mlp", {"width": 65})},
        {"dataset": Named("cifar10")},
        {"training": {"batch_size": 64, "epochs": 2}},
        {"training": {"batch_size": 32, "epochs": 2, "compile": True}},
        {"configuration": replace(SPARSE, nominal_sparsity=0.75)},
        {"configuration": Configuration("dense")},
        {"configuration": Configuration("dense", flop_multiple=2.0)},
        {"scope": "linear_layers"},
    ],
)
def test_another_network_or_batch_is_another(change: dict[str, object]) -> None:
    assert key_of(replace(TRIAL, **change)) != key_of(TRIAL)


class AskedEngine(HereEngine):
    """Remembers with which key it was last asked for the slot that is used."""

    def __init__(self, database: Database, setting: Setting) -> None:
        super().__init__(database, setting)
        self.asked = ""
        self.used: list[tuple[str, str]] = []

    def can(self, occupied: Collection[str], key: str = "") -> Slot | None:
        self.asked = key
        return super().can(occupied, key)

    def place(self, slot: Slot, order: Order) -> None:
        self.used.append((self.asked, key_of(order.trial)))
        super().place(slot, order)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_slot_is_asked_for_with_the_key_of_what_is_placed_there(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    submit(database, make_spec({"steps": 2, "step_s": 0.0}))
    setting = Setting(database_url, str(tmp_path), str(tmp_path), "cpu", 1, lease_ttl_s=60.0, runner=RUNNER)
    engine = AskedEngine(database, setting)
    Scheduler(database, engine, lease_ttl_s=60.0, stop=Event(), artifacts=tmp_path, until_idle=True).serve()
    assert len(engine.used) > 8
    assert all(asked == placed for asked, placed in engine.used)
    assert len({placed for _, placed in engine.used}) > 3
