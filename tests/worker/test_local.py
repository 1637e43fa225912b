"""What the local engine does besides what every engine promises (`test_engines.py`)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from store.sessions import Database
from tests.worker.benches import TTL_S, Bench
from tests.worker.conftest import wait_until
from tests.worker.fakes import RUNNER
from worker.devices import Place, share
from worker.gpu_memory import Memory
from worker.local import LocalEngine
from worker.order import Setting

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]
MIB = 2**20
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
    bench.wait_for_end(bench.place(**{"raise": "MemoryError"}))
    assert bench.slot().process != warm


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
    assert bench.slot().name.endswith("/cuda:5/1")
    free["5"] = 100  # the attempt has begun to use it
    assert bench.engine.can(()) is None
    wait_until(lambda: order.attempt_id not in bench.engine.alive())
