"""Faults of Ray, on real processes: minutes, and so run by `python -m tests.faults` alone, which names this file.

Two nodes on this machine. After each fault the job must end with exactly its planned trials, each finished once.
"""

import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import psutil
import pytest
from sqlalchemy import select

from sparseift.records import Budget, JobSpec
from store import attempts, jobs, trials, verbs
from store.sessions import Database
from store.tables import Attempt, Trial
from tests.faults.nodes import Nodes, ended, kill_all, raylets
from tests.faults.recovery import recovery
from tests.worker.fakes import make_plan, make_spec, submit
from tests.worker.test_search import simulate
from worker.processes import find

pytestmark = [pytest.mark.slow, pytest.mark.faults]
SPEC = make_spec({"steps": 100, "step_s": 0.1}, budget=Budget(1, 0))
TTL_S = 5.0
LEASE = ("--lease-ttl-s", f"{TTL_S:g}")
LIMIT_S = 120.0
HEAD_LIMIT_S = 300.0  # Ray's processes look for a head that is gone for a minute before they end
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short path, as sockets need one."""
    made = Path(mkdtemp(prefix="rf", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def nodes(folder: Path, database_url: str) -> Iterator[Nodes]:
    """A head and a second node."""
    made = Nodes(folder, database_url, secrets.token_hex(32))
    try:
        made.start_node(head=True)
        made.start_node()
        yield made
    finally:
        made.end()


def running(database: Database) -> list[Attempt]:
    """The running attempts whose processes have told who they are."""
    with database.read() as session:
        return [a for a in attempts.running(session) if a.process]


def attempts_of(database: Database) -> list[Attempt]:
    with database.read() as session:
        return list(session.scalars(select(Attempt).order_by(Attempt.id)))


def is_as_planned(database: Database, job_id: str, spec: JobSpec = SPEC) -> bool:
    """Whether the job has ended; then it must have exactly the trials of the pure search, each complete once."""
    with database.read() as session:
        if jobs.get(session, job_id).state in ("queued", "running"):
            return False
        assert jobs.get(session, job_id).state == "succeeded", jobs.get(session, job_id).message
        found = trials.all_of(session, job_id)
        done = select(Attempt.trial_id).join(Trial).where(Attempt.state == "finished", Trial.job_id == job_id)
        finished = sorted(session.scalars(done))
    expected = [(r.number, r.kind, r.configuration.key, r.seed) for r in simulate(spec, make_plan())]
    assert [(t.number, t.kind, t.configuration_key, t.seed) for t in found] == expected
    assert finished == sorted(t.id for t in found if t.state == "complete")
    assert running(database) == []
    return True


def parent(attempt: Attempt) -> int:
    """The process that started an attempt's."""
    return int(psutil.Process(int(attempt.process.partition("@")[0])).ppid())


@on_postgresql
def test_an_open_cluster_is_refused(folder: Path, database_url: str) -> None:
    """A head without a token; a worker with one."""
    nodes = Nodes(folder, database_url, None)
    try:
        nodes.start_node(head=True)
        nodes.environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        worker = nodes.start_worker()
        nodes.drop(worker)
        assert worker.process.wait(LIMIT_S) == 2
        assert "answers without a token" in nodes.log("worker")
    finally:
        nodes.end()


@on_postgresql
def test_a_worker_of_a_cluster_is_killed(database: Database, nodes: Nodes) -> None:
    """Two attempts run: they go on, and the next worker takes the job over."""
    job_id = submit(database, SPEC)
    worker = nodes.start_worker(*LEASE)
    nodes.wait("two attempts", lambda: len(running(database)) == 2, LIMIT_S)
    before = [a.process for a in running(database)]
    with database.read() as session:
        owner = jobs.get(session, job_id).lease_owner
    nodes.start_worker(*LEASE)  # stands by
    nodes.drop(worker)
    worker.process.kill()
    since = time.monotonic()
    assert all(find(process) for process in before)

    def is_taken() -> bool:
        with database.read() as session:
            return jobs.get(session, job_id).lease_owner not in (None, owner)

    nodes.wait("another worker", is_taken, LIMIT_S)
    assert recovery("Ray: worker killed", since) < 2 * TTL_S
    nodes.wait("the job's end", lambda: is_as_planned(database, job_id), LIMIT_S)
    assert {a.state for a in attempts_of(database)} == {"finished"}
    worker.process.wait()


@on_postgresql
@pytest.mark.parametrize("adopted", [False, True], ids=["its own", "an earlier worker's"])
def test_a_cancel_reaches_every_node(database: Database, nodes: Nodes, adopted: bool) -> None:
    """Of attempts that listen to nobody and have children; one runs on the other node."""
    files = [nodes.folder / "grandchild", nodes.folder / "escaped"]
    training = {"steps": 1000, "deaf": True, "grandchild": str(files[0]), "escaped": str(files[1])}
    job_id = submit(database, make_spec(training, budget=Budget(1, 0)))
    worker = nodes.start_worker(*LEASE, runner="tests.worker.runners:escape")
    nodes.wait("two attempts", lambda: len(running(database)) == 2, LIMIT_S)

    def family() -> list[psutil.Process]:
        actors = [psutil.Process(int(a.process.partition("@")[0])) for a in running(database)]
        return [*actors, *(child for actor in actors for child in actor.children(recursive=True))]

    nodes.wait("four grandchildren", lambda: len(family()) == 6, LIMIT_S)
    processes = family()
    assert len({a.slot.partition("/")[0] for a in running(database)}) in (1, 2)  # 1 where no host name can be given
    assert {parent(a) for a in running(database)} == {r.pid for node in nodes.kept[:2] for r in raylets(node)}
    if adopted:
        worker.process.kill()  # and is started again
        nodes.wait("another worker", lambda: worker.starts > 1, LIMIT_S)
        with database.read() as session:
            first = jobs.get(session, job_id).lease_owner

        def is_taken() -> bool:
            with database.read() as session:
                return jobs.get(session, job_id).lease_owner not in (None, first)

        nodes.wait("it to take the job over", is_taken, LIMIT_S)
    with database.write() as session:
        verbs.cancel(session, job_id)
    since = time.monotonic()
    nodes.wait("the processes' end", lambda: all(ended(p) for p in processes), LIMIT_S)
    whose = "an earlier worker's" if adopted else "its own"  # whose actors a new worker has to look up first
    limit_s = 10.0 if adopted else 5.0 + 2.0  # 2 s to hear of the wish
    assert recovery(f"Ray: {whose} attempts cancelled on both nodes, six processes gone", since) < limit_s
    nodes.wait("the attempts' end", lambda: not running(database), LIMIT_S)
    nodes.stop(worker)


@on_postgresql
def test_a_node_is_lost(database: Database, nodes: Nodes) -> None:
    """kill -9 of the second node's raylet with an attempt on it; the node is not started again."""
    second = nodes.kept[1]
    job_id = submit(database, SPEC)
    worker = nodes.start_worker(*LEASE)
    nodes.wait("two attempts", lambda: len(running(database)) == 2, LIMIT_S)
    (raylet,) = raylets(second)
    there = next(a for a in running(database) if parent(a) == raylet.pid)
    nodes.wait("a checkpoint", lambda: bool(checkpoint_of(database, there)), LIMIT_S)
    nodes.drop(second)
    raylet.kill()
    since = time.monotonic()

    def goes_on() -> bool:
        return any(a.trial_id == there.trial_id and a.number == 2 and a.process for a in attempts_of(database))

    nodes.wait("the attempt's loss", lambda: there.id not in {a.id for a in running(database)}, LIMIT_S)
    (lost,) = [a for a in attempts_of(database) if a.state == "lost"]
    recovery(f"Ray: node killed ({lost.message}), its attempt known as lost", since)
    nodes.wait("its process's end", lambda: find(there.process) is None, LIMIT_S)
    nodes.wait("another attempt", goes_on, LIMIT_S)
    recovery("Ray: node killed, its trial resumed on the node that is left", since)
    nodes.wait("the job's end", lambda: is_as_planned(database, job_id), LIMIT_S)
    log = nodes.folder / "artifacts" / next(a.log_path for a in attempts_of(database) if a.number == 2)
    assert "from step 0" not in log.read_text()
    nodes.stop(worker)
    second.process.kill()
    second.process.wait()


def checkpoint_of(database: Database, attempt: Attempt) -> object:
    with database.read() as session:
        return attempts.newest_checkpoint(session, attempt.trial_id)


@on_postgresql
def test_the_head_is_lost(database: Database, nodes: Nodes) -> None:
    """kill -9 of everything on the head's machine; nodes and worker come back by their restart loops."""
    spec = make_spec({"steps": 100, "step_s": 0.1}, budget=Budget(4, 1))
    job_id = submit(database, spec)
    worker = nodes.start_worker(*LEASE)
    nodes.wait("two attempts", lambda: len(running(database)) == 2, LIMIT_S)
    head = nodes.kept[0]
    (raylet,) = raylets(head)
    here = [a for a in running(database) if parent(a) == raylet.pid]
    known = {a.id for a in attempts_of(database)}
    there = [a for a in running(database) if a.id not in {h.id for h in here}]
    kill_all(head)
    (nodes.folder / "ray" / "ray_current_cluster").unlink()  # with it, a head is not started beside another's raylet
    since = time.monotonic()
    nodes.wait(
        "new attempts",
        lambda: any(a.id not in known and a.process for a in attempts_of(database)),
        HEAD_LIMIT_S,
    )
    recovery("Ray: head killed, attempts start again", since)
    nodes.wait("the job's end", lambda: is_as_planned(database, job_id, spec), HEAD_LIMIT_S)
    recovery("Ray: head killed, job as planned", since)
    states = {a.id: a.state for a in attempts_of(database)}
    assert {states[a.id] for a in there} == {"finished"}  # on the other node: it ended before Ray gave the head up
    assert {states[a.id] for a in here} == {"lost"}
    assert head.starts == 2
    nodes.stop(worker)
