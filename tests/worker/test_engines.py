"""What every engine promises, on real processes and a real database: one suite over both members."""

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from benchmarks.engines import Queue, on
from sparseift.errors import InvalidValue
from store import attempts, trials
from store.sessions import Database
from store.tables import Attempt
from tests.worker.benches import TTL_S, Bench, Factory, gone
from tests.worker.conftest import wait_until
from tests.worker.fakes import RUNNER
from tests.worker.rays import OwnRay
from worker.devices import share
from worker.engine import Engine, Slot
from worker.local import LocalEngine
from worker.order import Setting
from worker.processes import find
from worker.warmth import key_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves sockets and files to the collector
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
]
KILLED_S = 5.0
Benches = Callable[..., Bench]


@pytest.fixture(params=["local", "ray"])
def benches(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[Benches]:
    """Makes benches of the engine that the test is run with, and ends them."""
    made: list[Bench] = []

    def make(*, slots: int = 1, oom_kills: Callable[[], int] = lambda: 0, **changes: object) -> Bench:
        setting = Setting(database.url, str(tmp_path / "artifacts"), str(tmp_path), "cpu", 1, TTL_S, 60.0, RUNNER)
        factory: Factory
        if request.param == "local":

            def factory(setting: Setting) -> Engine:
                return LocalEngine(share(("cpu",), slots, 1), setting, oom_kills=oom_kills)
        else:
            own: OwnRay = request.getfixturevalue("own_ray")
            from worker.ray_cluster import Cluster, namespace_of
            from worker.ray_engine import RayEngine

            cluster = Cluster(namespace_of(database.url))

            def factory(setting: Setting) -> Engine:
                return RayEngine(cluster, setting, cpus=2 // slots, oom_kills=oom_kills)

            assert own.cluster is not cluster
        made.append(Bench(database, factory, replace(setting, **changes)))
        return made[-1]

    yield make
    for bench in made:
        bench.end()


def test_an_attempt_reports_and_finishes_in_its_own_row(benches: Benches, tmp_path: Path) -> None:
    bench = benches()
    order = bench.place()
    assert bench.engine.can(()) is None
    assert find(bench.process(order) and bench.rows(order)[0].process) is not None
    attempt, trial = bench.wait_for_end(order)
    assert (attempt.state, trial.state, trial.test_value is not None) == ("finished", "complete", True)
    with bench.database.read() as session:
        assert [r.step for r in attempts.reports(session, trial.id)] == [1, 2, 3, 4]
        checkpoint = attempts.newest_checkpoint(session, trial.id)
    assert checkpoint is not None
    assert checkpoint.path == f"{order.folder}/step-0004.json"
    told = (tmp_path / "artifacts" / order.log_path).read_text()
    assert "training dense from step 0" in told, "what the runner prints"
    assert "from the first step" in told, "what the attempt says of itself"
    assert "step 1 of " in told


def test_failures_have_a_class_and_a_sentence(benches: Benches) -> None:
    bench = benches(slots=2)
    cases: list[tuple[dict[str, object], tuple[str, str, str]]] = [
        ({"raise": "TypeError"}, ("failed", "user", "failed")),
        ({"raise": "MemoryError"}, ("failed", "out_of_memory", "failed")),
        ({"raise": "OSError"}, ("lost", "infrastructure", "waiting")),
        ({"nan_above": 0.0}, ("failed", "diverged", "failed")),
    ]
    orders = [bench.place(**training) for training, _ in cases]
    for order, (_, expected) in zip(orders, cases, strict=True):
        attempt, trial = bench.wait_for_end(order)
        assert (attempt.state, attempt.failure_class, trial.state) == expected
        assert attempt.message


def test_an_attempt_that_is_asked_to_stop_ends_within_three_seconds(benches: Benches) -> None:
    bench = benches()
    order = bench.place(steps=1000)
    bench.process(order)
    bench.ask_to_stop(order)
    assert wait_until(lambda: not bench.engine.alive()) < 3.0
    attempt, trial = bench.rows(order)
    assert (attempt.state, trial.state) == ("handed_back", "waiting")  # no user has cancelled the job


def test_handing_back_saves_a_checkpoint_and_counts_as_no_loss(benches: Benches) -> None:
    bench = benches()
    order = bench.place(steps=1001)
    bench.engine.hand_back()
    attempt, trial = bench.wait_for_end(order)
    assert (attempt.state, attempt.failure_class, trial.state) == ("handed_back", "", "waiting")
    with bench.database.read() as session:
        assert attempts.newest_checkpoint(session, trial.id) is not None


def test_a_fenced_attempt_stops_and_leaves_its_row_alone(benches: Benches) -> None:
    bench = benches()
    order = bench.place(steps=1000)
    bench.process(order)
    with bench.database.write() as session:
        attempts.lose(session, order.attempt_id, "taken for dead")
    assert wait_until(lambda: not bench.engine.alive()) < 4.0
    attempt, trial = bench.rows(order)
    assert (attempt.state, attempt.message, trial.state) == ("lost", "taken for dead", "waiting")


def test_kill_frees_the_slot_within_five_seconds_grandchildren_included(benches: Benches, tmp_path: Path) -> None:
    bench = benches(runner="tests.worker.runners:escape")
    files = tmp_path / "grandchild", tmp_path / "escaped"
    order = bench.place(steps=1000, deaf=True, grandchild=str(files[0]), escaped=str(files[1]))
    wait_until(lambda: files[0].exists() and bool(files[0].read_text()))
    pids = [bench.process(order).pid, *(int(file.read_text()) for file in files)]
    started_at = time.monotonic()
    assert bench.engine.kill([order.attempt_id, 999]) == {order.attempt_id}
    assert bench.engine.alive() == frozenset()
    assert all(gone(pid, KILLED_S + started_at - time.monotonic()) for pid in pids)
    bench.slot(KILLED_S + started_at - time.monotonic() + 25.0 * isinstance(bench.engine, LocalEngine))
    assert bench.rows(order)[0].state == "running"  # its row is the scheduler's to end


@pytest.mark.parametrize("out_of_memory", [False, True])
def test_kill_9_is_noticed_at_once_with_its_reason(benches: Benches, tmp_path: Path, out_of_memory: bool) -> None:
    kills = [3]
    bench = benches(oom_kills=lambda: kills[0], runner="tests.worker.runners:escape")
    file, escaped = tmp_path / "grandchild", tmp_path / "escaped"
    order = bench.place(steps=1000, grandchild=str(file), escaped=str(escaped))
    wait_until(lambda: file.exists() and bool(file.read_text()))
    process = bench.process(order)
    kills[0] += out_of_memory
    process.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not bench.engine.alive()) < 3.0
    assert gone(int(file.read_text()))
    assert gone(int(escaped.read_text()))
    death = bench.engine.death(order.attempt_id)
    assert death is not None
    assert death.failure_class == ("out_of_memory" if out_of_memory else "infrastructure")
    assert bench.rows(order)[0].state == "running"
    bench.slot()


def test_an_attempt_that_hangs_is_lost_with_the_reason(benches: Benches, tmp_path: Path) -> None:
    bench = benches(hang_limit_s=0.6)
    file = tmp_path / "grandchild"
    patient = bench.place(steps=2, step_s=0.4)  # longer than the limit, but it goes on
    assert bench.wait_for_end(patient)[1].state == "complete"
    order = bench.place(steps=1000, step_s=600, grandchild=str(file))
    process = bench.process(order)
    attempt, trial = bench.wait_for_end(order)
    assert (attempt.state, attempt.failure_class, trial.state) == ("lost", "infrastructure", "waiting")
    assert attempt.message == "It hung: no step, report or checkpoint for more than 0.6 s."
    assert gone(process.pid)
    assert gone(int(file.read_text()))
    bench.slot()


def test_an_attempt_outlives_its_engine_and_keeps_its_slot(benches: Benches) -> None:
    bench = benches()
    order = bench.place(steps=60)
    slot = bench.rows(order)[0].slot
    bench.process(order)
    bench.restart()
    assert bench.engine.alive() == frozenset()  # it is another's, adopted by its row
    with pytest.raises(AssertionError, match="in time"):
        wait_until(lambda: bench.engine.can([slot]) is not None, 0.5)
    wait_until(lambda: bench.rows(order)[0].state == "finished")
    bench.slot()


@pytest.mark.parametrize("slots", [1, 2])
def test_slots_never_hold_more_than_one_attempt_each(benches: Benches, tmp_path: Path, slots: int) -> None:
    bench = benches(slots=slots, runner="tests.worker.runners:counted")
    (tmp_path / "census").mkdir()
    orders = []
    for _ in range(slots + 1):
        orders.append(bench.place(steps=30, census=str(tmp_path / "census")))
        names = [bench.rows(o)[0].slot for o in orders if o.attempt_id in bench.engine.alive()]
        assert len(set(names)) == len(names)
    for order in orders:
        assert bench.wait_for_end(order)[1].state == "complete"
    lines = [line.split(" ") for line in (tmp_path / "counts").read_text().splitlines()]
    assert max(int(count) for count, _, _ in lines) == slots
    assert {visible for _, visible, _ in lines} == {""}  # no GPU was asked for
    assert len({threads for _, _, threads in lines}) == 1


def test_an_occupied_slot_is_not_given_away(benches: Benches) -> None:
    bench = benches()
    slot = bench.slot()
    for _ in range(5):
        assert bench.engine.can([slot.name]) is None
    assert bench.slot().name == slot.name


def test_a_slot_that_is_asked_for_with_a_key_is_as_free_as_any(benches: Benches) -> None:
    bench = benches()
    slot = bench.slot()
    assert bench.engine.can((), "some network") == slot
    assert bench.engine.can([slot.name], "some network") is None
    warm = bench.engine.can((), "some network") or bench.slot()
    order = bench.place(warm)
    assert bench.engine.can((), key_of(order.trial)) is None  # however well it would fit
    bench.wait_for_end(order)
    again: list[Slot] = []
    wait_until(lambda: bool((free := bench.engine.can((), key_of(order.trial))) and not again.append(free)))
    assert bench.wait_for_end(bench.place(again[0]))[1].state == "complete"


def test_many_attempts_in_a_row_finish_once_each(benches: Benches) -> None:
    """`benchmarks/engines.py` measures what 200 of each cost."""
    bench = benches(slots=2, runner="benchmarks.engines:noop")
    count = 60 if isinstance(bench.engine, LocalEngine) else 4  # a process per attempt on Ray
    bench.slot()
    queue = Queue(bench.database)
    on(bench.engine, queue, count)
    with bench.database.read() as session:
        made = trials.all_of(session, queue.job_id)
        ended = list(session.scalars(select(Attempt)))
    assert [t.state for t in made] == ["complete"] * count
    assert sorted((a.trial_id, a.number, a.state) for a in ended) == [(t.id, 1, "finished") for t in made]


def test_there_is_no_death_of_what_has_not_died(benches: Benches) -> None:
    bench = benches()
    order = bench.place()
    assert bench.engine.death(order.attempt_id) is None
    assert bench.engine.death(999) is None
    bench.wait_for_end(order)


# What is Ray's alone


def gpu_bench(database: Database, own_ray: OwnRay, folder: Path, gpus: float) -> Bench:
    from worker.ray_cluster import Cluster, namespace_of
    from worker.ray_engine import RayEngine

    setting = Setting(
        database.url, str(folder / "artifacts"), str(folder), "cpu", 1, TTL_S, 60.0, "tests.worker.runners:counted"
    )
    cluster = Cluster(namespace_of(database.url))
    return Bench(database, lambda s: RayEngine(cluster, s, cpus=1, gpus=gpus), setting)


def test_ray_kills_what_an_earlier_worker_placed(database: Database, own_ray: OwnRay, tmp_path: Path) -> None:
    (tmp_path / "census").mkdir()
    bench = gpu_bench(database, own_ray, tmp_path, 1.0)
    try:
        order = bench.place(steps=1000, deaf=True, census=str(tmp_path / "census"))
        process = bench.process(order)
        bench.restart()
        assert bench.engine.can(()) is None
        assert bench.engine.kill([order.attempt_id]) == {order.attempt_id}
        assert gone(process.pid)
        assert bench.engine.kill([order.attempt_id]) == frozenset()
        bench.slot()
    finally:
        bench.end()


@pytest.mark.parametrize(("gpus", "slots"), [(1.0, 1), (0.5, 2)])
def test_ray_shares_a_gpu_by_fractions(
    database: Database, own_ray: OwnRay, tmp_path: Path, gpus: float, slots: int
) -> None:
    bench = gpu_bench(database, own_ray, tmp_path, gpus)
    try:
        (tmp_path / "census").mkdir()
        orders = [bench.place(steps=1000, census=str(tmp_path / "census")) for _ in range(slots)]
        wait_until(lambda: len(list((tmp_path / "census").iterdir())) == slots)
        with pytest.raises(AssertionError, match="in time"):
            wait_until(lambda: bench.engine.can(()) is not None, 0.5)
        bench.engine.hand_back()
        for order in orders:
            assert bench.wait_for_end(order)[1].state == "waiting"
        assert {line.split(" ")[1] for line in (tmp_path / "counts").read_text().splitlines()} == {"0"}
    finally:
        bench.end()


def test_ray_writes_neither_the_url_nor_a_token_into_its_files(
    database: Database, own_ray: OwnRay, tmp_path: Path
) -> None:
    (tmp_path / "census").mkdir()
    bench = gpu_bench(database, own_ray, tmp_path, 1.0)
    try:
        order = bench.place(census=str(tmp_path / "census"))
        bench.wait_for_end(order)
    finally:
        bench.end()
    secrets = [database.url, str(tmp_path / "sparseift.db"), order.token, (own_ray.folder / "token").read_text()]
    files = [p for p in (own_ray.folder / "ray").rglob("*") if p.is_file() and not p.is_symlink()]
    assert len(files) > 10
    assert [f for f in files if any(secret.encode() in f.read_bytes() for secret in secrets)] == []
    assert own_ray.folder.stat().st_mode & 0o077 == 0


def test_a_cluster_is_refused_an_sqlite_file_and_without_a_token(
    database: Database, own_ray: OwnRay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from worker.ray_cluster import embed, join

    postgres = "postgresql://someone@nowhere/sparseift"
    with pytest.raises(InvalidValue, match="use PostgreSQL"):
        join("127.0.0.1:6379", database.url)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(InvalidValue, match=r"There is no Ray token in RAY_AUTH_TOKEN or .*none"):
        join("127.0.0.1:6379", postgres)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(InvalidValue, match="RAY_AUTH_MODE is 'disabled'"):
        join("127.0.0.1:6379", postgres)
    with pytest.raises(InvalidValue, match="RAY_AUTH_MODE is 'disabled'"):
        embed(database.url, cpus=1, gpus=0)
