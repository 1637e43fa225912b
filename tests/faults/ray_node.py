"""Faults of a Ray cluster, on real processes: `PYTHONPATH=. python -m tests.faults.ray_node` (minutes; PostgreSQL).

Two nodes on this machine, each a raylet of its own with one CPU. A cluster without a token is refused; the worker is
killed while two attempts run; the second node's raylet is killed with an attempt on it. After each, the job must end
with exactly its planned trials, each finished once.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from sqlalchemy import select

from sparseift.records import Budget, JobSpec
from store import attempts, jobs, trials, verbs
from store.sessions import Database
from store.tables import Attempt
from tests.postgres import PostgreSQL, server
from tests.worker.fakes import RUNNER, make_plan, make_spec, submit
from tests.worker.test_search import simulate
from worker.processes import end_groups, find, identity

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 90.0
OTHER_HOST = "second-node"


class Cluster:
    """Nodes of one machine, and the workers that use them."""

    def __init__(self, folder: Path, database_url: str, token: str | None) -> None:
        self.folder, self._url = folder, database_url
        with socket.socket() as free:
            free.bind(("", 0))
            self.port = free.getsockname()[1]
        self.address = f"{socket.gethostbyname(socket.gethostname())}:{self.port}"
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "disabled" if token is None else "token",
            **({} if token is None else {"RAY_AUTH_TOKEN": token}),
        }
        self._started: list[psutil.Process] = []

    def start_node(self, head: bool) -> psutil.Process:
        """A node; its raylet. A second one has another host name where we may give it one (as root, on Linux)."""
        elsewhere = not head and os.geteuid() == 0 and shutil.which("unshare") is not None
        away = ("unshare", "--uts", "sh", "-c", f'hostname {OTHER_HOST} && exec "$@"', "sh") if elsewhere else ()
        where = ["--head", f"--port={self.port}", f"--temp-dir={self.folder / 'ray'}"]
        if not head:
            where = [f"--address={self.address}"]
        options = [
            "--num-cpus=1",
            "--num-gpus=0",
            "--object-store-memory=100000000",
            "--block",
            "--disable-usage-stats",
        ]
        if head:
            options.append("--include-dashboard=false")
        node = self._start([*away, sys.executable, "-m", "ray.scripts.scripts", "start", *where, *options], "node")
        found: list[psutil.Process] = []

        def up() -> bool:
            assert node.is_running(), (self.folder / "node.log").read_text()
            found[:] = [p for p in node.children(recursive=True) if p.name() == "raylet"]
            return bool(found)

        wait("a node", up)
        return found[0]

    def start_worker(self, *more: str, runner: str = RUNNER) -> psutil.Process:
        """A worker that uses this cluster."""
        return self._start(
            [
                *(sys.executable, "-m", "worker", "--database", self._url, "--runner", runner, "--engine", "ray"),
                *("--ray-address", self.address, "--artifacts", str(self.folder / "artifacts")),
                *("--data", str(self.folder), *more),
            ],
            "worker",
        )

    def end(self) -> None:
        """End every process of it."""
        children = [c.pid for p in self._started if p.is_running() for c in p.children(recursive=True)]
        end_groups([*(p.pid for p in self._started), *(pid for pid in children if psutil.pid_exists(pid))])

    def _start(self, command: list[str], name: str) -> psutil.Process:
        with (self.folder / f"{name}.log").open("ab") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=output, stderr=output, start_new_session=True
            )
        self._started.append(psutil.Process(process.pid))
        return self._started[-1]


def wait(what: str, condition: Callable[[], bool]) -> float:
    """Seconds until it holds."""
    started_at = time.monotonic()
    while not condition():
        assert time.monotonic() - started_at < LIMIT_S, f"{what}: not within {LIMIT_S:g} s"
        time.sleep(0.05)
    return time.monotonic() - started_at


def ended(process: psutil.Process) -> bool:
    """Whether it has; ours stay zombies."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def say(text: str) -> None:
    """A line of the report."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def running(database: Database) -> list[Attempt]:
    """The running attempts whose processes have told who they are."""
    with database.read() as session:
        return [a for a in attempts.running(session) if a.process]


def all_of(database: Database) -> list[Attempt]:
    """Every attempt."""
    with database.read() as session:
        return list(session.scalars(select(Attempt).order_by(Attempt.id)))


def is_as_planned(database: Database, job_id: str, spec: JobSpec) -> bool:
    """Whether the job succeeded with exactly the trials of the pure search, each complete once."""
    expected = [(r.number, r.kind, r.configuration.key, r.seed) for r in simulate(spec, make_plan())]
    with database.read() as session:
        found = trials.all_of(session, job_id)
        job = jobs.get(session, job_id)
    finished = sorted(a.trial_id for a in all_of(database) if a.state == "finished")
    return (
        job.state == "succeeded"
        and [(t.number, t.kind, t.configuration_key, t.seed) for t in found] == expected
        and finished == sorted(t.id for t in found if t.state == "complete")
        and not running(database)
    )


@contextmanager
def cluster(folder: Path, url: str, token: str | None) -> Iterator[Cluster]:
    """A cluster that is ended with everything on it."""
    made = Cluster(folder, url, token)
    try:
        yield made
    finally:
        made.end()


def refuse_an_open_cluster(folder: Path, url: str) -> None:
    """A head without a token; a worker with one."""
    folder.mkdir()
    with cluster(folder, url, None) as open_one:
        open_one.start_node(head=True)
        open_one._environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        worker = open_one.start_worker()
        wait("a refusal", lambda: ended(worker))
        said = (folder / "worker.log").read_text()
        assert "answers without a token" in said, said
        say(f"open cluster: {said.strip().splitlines()[-1]}")


def lose_a_worker(nodes: Cluster, database: Database) -> None:
    """kill -9 of the worker while two attempts run: they go on, and the next worker takes the job over."""
    spec = make_spec({"steps": 100, "step_s": 0.1}, budget=Budget(1, 0))
    job_id = submit(database, spec)
    worker = nodes.start_worker("--lease-ttl-s", "5")
    wait("two attempts", lambda: len(running(database)) == 2)
    before = {a.id: a.process for a in running(database)}
    worker.kill()
    wait("the worker's end", lambda: ended(worker))
    killed_at = time.monotonic()
    assert all(find(process) for process in before.values())
    after = nodes.start_worker("--lease-ttl-s", "5")
    wait("the job's end", lambda: is_as_planned(database, job_id, spec))
    assert {a.state for a in all_of(database)} == {"finished"}
    say(
        f"worker killed: 2 attempts finished in their processes, job as planned {time.monotonic() - killed_at:.1f} s on"
    )
    stop(after)


def cancel_elsewhere(nodes: Cluster, database: Database, raylet: psutil.Process) -> None:
    """A user cancels a job whose attempts listen to nobody and have children; one runs on the other node."""
    files = [nodes.folder / "grandchild", nodes.folder / "escaped"]
    training = {"steps": 1000, "deaf": True, "grandchild": str(files[0]), "escaped": str(files[1])}
    job_id = submit(database, make_spec(training, budget=Budget(1, 0)))
    worker = nodes.start_worker(runner="tests.worker.runners:escape")
    wait("two attempts", lambda: len(running(database)) == 2)

    def family() -> list[psutil.Process]:
        actors = [psutil.Process(int(a.process.partition("@")[0])) for a in running(database)]
        return [*actors, *(child for actor in actors for child in actor.children(recursive=True))]

    wait("four grandchildren", lambda: len(family()) == 6)
    there = next(a for a in running(database) if parent(a) == raylet.pid)
    processes = family()
    with database.write() as session:
        verbs.cancel(session, job_id)
    took_s = wait("the attempts' end", lambda: not running(database))
    gone_s = wait("the processes' end", lambda: all(ended(process) for process in processes))
    say(f"cancelled here and on {there.slot}: rows {took_s:.1f} s on, all 6 processes gone {took_s + gone_s:.1f} s on")
    stop(worker)


def stop(worker: psutil.Process) -> None:
    """End a worker as an operator does."""
    worker.terminate()
    assert worker.wait(LIMIT_S) == 0, "the worker did not end cleanly"


def parent(attempt: Attempt) -> int:
    """The process that started an attempt's."""
    return int(psutil.Process(int(attempt.process.partition("@")[0])).ppid())


def lose_a_node(nodes: Cluster, database: Database, raylet: psutil.Process) -> None:
    """kill -9 of the second node's raylet with an attempt on it."""
    known = {a.id for a in all_of(database)}
    spec = make_spec({"steps": 100, "step_s": 0.1}, budget=Budget(1, 0), name="second")
    job_id = submit(database, spec)
    worker = nodes.start_worker()
    wait("two attempts", lambda: len(running(database)) == 2)
    there = next(a for a in running(database) if parent(a) == raylet.pid)
    time.sleep(3.0)  # some checkpoints
    raylet.kill()
    took_s = wait("the attempt's loss", lambda: there.id not in {a.id for a in running(database)})
    lost = next(a for a in all_of(database) if a.id == there.id)
    assert lost.state == "lost", lost.state
    say(f"node killed: attempt {lost.state} {took_s:.1f} s on: {lost.message}")
    gone_s = wait("its process's end", lambda: find(there.process) is None)
    say(f"node killed: its process was gone {took_s + gone_s:.1f} s on at the latest")
    end_s = wait("the job's end", lambda: database_has(database, job_id, spec, known))
    say(f"node killed: job as planned on the node that is left, {took_s + gone_s + end_s:.1f} s on")
    stop(worker)


def database_has(database: Database, job_id: str, spec: JobSpec, known: set[int]) -> bool:
    """`is_as_planned` for a later job."""
    with database.read() as session:
        found = trials.all_of(session, job_id)
        done = jobs.get(session, job_id).state == "succeeded"
    expected = [(r.number, r.configuration.key, r.seed) for r in simulate(spec, make_plan())]
    finished = sorted(a.trial_id for a in all_of(database) if a.state == "finished" and a.id not in known)
    return (
        done
        and [(t.number, t.configuration_key, t.seed) for t in found] == expected
        and finished == sorted(t.id for t in found if t.state == "complete")
    )


def main() -> None:
    """Run all, one after the other; an assertion ends it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="rf", dir="/tmp")))  # short: sockets' paths
        admin = stack.enter_context(server(os.environ.get("SPARSEIFT_TEST_POSTGRES")))
        assert admin is not None, "No PostgreSQL: see tests/conftest.py"
        postgres = PostgreSQL(admin)
        stack.callback(postgres.drop_all)
        url = postgres.lend()
        database = Database(url)
        stack.callback(database.close)
        refuse_an_open_cluster(folder / "open", url)
        nodes = stack.enter_context(cluster(folder, url, secrets.token_hex(32)))
        started_at = time.monotonic()
        nodes.start_node(head=True)
        second = nodes.start_node(head=False)
        say(f"two nodes started in {time.monotonic() - started_at:.1f} s ({identity(second.pid)})")
        try:
            lose_a_worker(nodes, database)
            cancel_elsewhere(nodes, database, second)
            lose_a_node(nodes, database, second)
        except AssertionError:
            say((folder / "worker.log").read_text())
            say("\n".join(f"{a.id} {a.slot} {a.process} {a.state} {a.message}" for a in all_of(database)))
            raise


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
