"""What the local engine does besides what every engine promises (`test_engines.py`)."""

import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sparseift.records import Named
from store.sessions import Database
from tests.worker.benches import TTL_S, Bench
from tests.worker.conftest import wait_until
from tests.worker.fakes import RUNNER
from worker.devices import Place, share
from worker.gpu_memory import Memory
from worker.local import LocalEngine
from worker.order import Setting
from worker.warmth import key_of

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]
MIB = 2**20
HOST = platform.node()
Benches = Callable[..., Bench]


@pytest.fixture
def benches(database: Database, tmp_path: Path) -> Iterator[Benches]:
    """Makes benches of local engines, and ends them."""
    made: list[Bench] = []

    def make(
        places: tuple[Place, ...] = share(("cpu",), 1, 1),
        gpu: Callable[[str], Memory | None] = lambda _visible: None,
        **changes: object,
    ) -> Bench:
        setting = Setting(database.url, str(tmp_path / "artifacts"), str(tmp_path), "cpu", 1, TTL_S, 60.0, RUNNER)
        made.append(Bench(database, lambda s: LocalEngine(places, s, gpu=gpu), replace(setting, **changes)))
        return made[-1]

    yield make
    for bench in made:
        bench.end()


def test_a_child_stays_warm_until_it_has_failed(benches: Benches) -> None:
    bench = benches()
    warm = bench.slot().process
    assert bench.wait_for_end(bench.place())[1].state == "complete"
    assert bench.slot().process == warm
    bench.wait_for_end(bench.place(nan_above=0.0))  # its parameters' fault, not the process's
    assert bench.slot().process == warm
    for fault in ("MemoryError", "TypeError"):  # the user's too: after an assertion on a GPU, CUDA is of no more use
        warm = bench.slot().process
        bench.wait_for_end(bench.place(**{"raise": fault}))
        assert bench.slot().process != warm


def test_a_trial_goes_to_the_child_that_has_trained_its_like(benches: Benches) -> None:
    """First where the same network ran, then where nothing has, then where the last trial is longest ago."""
    bench = benches(share(("cpu",), 3, 1))
    wait_until(lambda: all(bench.engine.can([f"{HOST}/cpu:{j}" for j in range(3) if j != i]) for i in range(3)))

    def slot_for(key: str, *occupied: str) -> str:
        slot = bench.engine.can([f"{HOST}/{name}" for name in occupied], key)
        assert slot is not None
        return slot.name.partition("/")[2]

    first = bench.place(width=1)  # an option of the training that shapes nothing
    bench.wait_for_end(first)
    same, other = key_of(first.trial), key_of(replace(first.trial, dataset=Named("digits", {"side": 4})))
    assert key_of(replace(first.trial, seed=5, training={**first.trial.training, "steps": 9})) == same != other
    assert bench.engine.can(()).name.endswith("/cpu:0")  # type: ignore[union-attr]
    assert slot_for(same) == "cpu:0"
    assert slot_for(same, "cpu:0") == "cpu:1"
    assert slot_for(other) == "cpu:1"
    bench.wait_for_end(bench.place(bench.engine.can((), other), batch_size=8))
    bench.wait_for_end(bench.place(bench.engine.can((), other), batch_size=9))
    assert slot_for(same) == "cpu:0"
    assert slot_for(other) == "cpu:0"  # all have run others; this one is idle for longest
    assert slot_for(other, "cpu:0") == "cpu:1"


def test_a_child_keeps_what_torch_compiled_for_trials_alike_only(benches: Benches, tmp_path: Path) -> None:
    bench = benches(runner="tests.worker.runners:dynamo")
    for batch_size in (8, 8, 9, 8):
        bench.wait_for_end(bench.place(batch_size=batch_size, resets=str(tmp_path / "resets")))
    assert (tmp_path / "resets").read_text().split() == ["0", "0", "1", "2"]


def test_a_child_that_keeps_memory_is_replaced_between_attempts(benches: Benches) -> None:
    bench = benches(runner="tests.worker.runners:leak", leak_limit_bytes=100 * MIB)
    first = bench.slot().process
    attempt, trial = bench.wait_for_end(bench.place())
    assert (attempt.state, bench.slot().process) == ("finished", first)  # 64 MiB more
    attempt, trial = bench.wait_for_end(bench.place())
    assert (attempt.state, trial.state) == ("finished", "complete")
    assert bench.slot().process != first  # 128 MiB more


def test_a_slot_that_is_no_more_takes_the_place_of_any(benches: Benches) -> None:
    bench = benches()
    bench.slot()
    assert bench.engine.can(["elsewhere/cpu:7"]) is None  # this host had more slots once: any one of ours is taken


def test_a_slot_of_a_shared_gpu_waits_for_its_part_of_the_memory(benches: Benches) -> None:
    free = {"3": 0, "5": 0}
    places = tuple(replace(p, device="cpu") for p in share(("cuda:3", "cuda:5"), None, 1, 0.5))
    assert [place.name for place in places] == ["cuda:3/0", "cuda:5/0", "cuda:3/1", "cuda:5/1"]
    bench = benches(places, lambda visible: Memory(free[visible], 1000))
    with pytest.raises(AssertionError, match="in time"):
        bench.slot(4.0)
    free["5"] = 449  # 500, less a tenth for what idle children hold
    assert bench.engine.can(()) is None
    free["5"] = 450
    assert bench.slot().name.endswith("/cuda:5/0")
    order = bench.place()
    assert bench.engine.can(()) is None
    free["5"] = 100  # the attempt has begun to use it
    assert bench.engine.can(()) is None
    wait_until(lambda: order.attempt_id not in bench.engine.alive())


def test_memory_that_a_young_attempt_has_yet_to_take_is_not_promised_twice(benches: Benches) -> None:
    """Until its first report an attempt's whole share counts as still to come, since then what the GPU says."""
    free = {"5": 600}
    places = tuple(replace(p, device="cpu") for p in share(("cuda:5",), 2, 1))
    assert [place.fraction for place in places] == [0.5, 0.5]
    bench = benches(places, lambda visible: Memory(free[visible], 1000))
    wait_until(lambda: all(bench.engine.can([f"{HOST}/cuda:5/{i}"]) for i in (0, 1)))
    assert bench.slot().share == 0.5
    silent = bench.place(step_s=600)
    wait_until(lambda: bool(bench.rows(silent)[0].process))
    assert bench.engine.can(()) is None  # 600 are free, 450 of them promised
    free["5"] = 899
    assert bench.engine.can(()) is None
    free["5"] = 900
    assert bench.engine.can(()) is not None
    bench.engine.kill([silent.attempt_id])
    free["5"] = 600
    reporting = bench.place(steps=1000)
    assert bench.engine.can(()) is None
    free["5"] = 450  # what it has taken
    wait_until(lambda: bench.engine.can(()) is not None)
    free["5"] = 449
    assert bench.engine.can(()) is None
    assert reporting.attempt_id in bench.engine.alive()
