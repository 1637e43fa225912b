"""Whom a worker trusts with what it runs: a Ray cluster is joined only if it is known to turn strangers away."""

import secrets
import shutil
import socket
import stat
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp

import pytest
from sqlalchemy import make_url, select

from sparseift.errors import InvalidValue
from sparseift.records import Budget
from store import jobs
from store.sessions import Database
from store.tables import Attempt
from tests.faults.nodes import Nodes
from tests.worker.fakes import make_spec, submit
from tests.worker.rays import OwnRay

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves sockets and files to the collector
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
]
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def with_password(url: str) -> tuple[str, str]:
    """(the URL with a password, the password); a server that trusts everybody does not look at it."""
    password = make_url(url).password or f"pw{secrets.token_hex(16)}"
    return make_url(url).set(password=password).render_as_string(hide_password=False), password


def holding(folder: Path, secret: str) -> list[Path]:
    """The files below that hold a text."""
    files = [p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()]
    assert len(files) > 10
    return [p for p in files if secret.encode() in p.read_bytes()]


def test_a_cluster_that_does_not_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from worker import ray_cluster

    monkeypatch.setattr(ray_cluster, "PROBE_LIMIT_S", 4.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(InvalidValue, match=rf"Ray cluster at {address} .* not known .* no answer within 4 s"):
            ray_cluster.require_closed(address)


def test_a_probe_that_fails_otherwise_is_no_proof() -> None:
    from worker import ray_cluster

    with pytest.raises(InvalidValue, match=r"Ray cluster at nowhere .* not known to demand a token"):
        ray_cluster.require_closed("nowhere")


def test_a_cluster_that_demands_a_token_is_taken(own_ray: OwnRay) -> None:
    from worker import ray_cluster

    found = ray_cluster.running(own_ray.folder)
    assert found is not None
    ray_cluster.require_closed(found["address"])


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short path, as sockets need one."""
    made = Path(mkdtemp(prefix="rc", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.mark.long
@on_postgresql
def test_a_password_goes_to_a_cluster_by_its_nodes_alone(database: Database, folder: Path) -> None:
    """A worker is refused while the node does not know the URL; then a job runs, and no file of Ray's has the word."""
    url, password = with_password(database.url)
    nodes = Nodes(folder, url, secrets.token_hex(32))
    assert nodes.environment.pop("SPARSEIFT_DATABASE") == url
    try:
        nodes.start_node(head=True)
        refused = nodes.start_worker()
        nodes.drop(refused)
        assert refused.process.wait(60.0) == 2
        assert "start it with SPARSEIFT_DATABASE set" in nodes.log("worker")
        assert password not in nodes.log("worker")
        nodes.end()
        nodes.kept.clear()
        (folder / "ray" / "ray_current_cluster").unlink(missing_ok=True)
        nodes.environment["SPARSEIFT_DATABASE"] = url
        nodes.start_node(head=True)
        job_id = submit(database, make_spec({"steps": 2}, budget=Budget(1, 0)))
        worker = nodes.start_worker()

        def ended() -> bool:
            with database.read() as session:
                return jobs.get(session, job_id).state not in ("queued", "running")

        nodes.wait("the job's end", ended, 60.0)
        with database.read() as session:
            assert jobs.get(session, job_id).state == "succeeded"
            assert {a.state for a in session.scalars(select(Attempt))} == {"finished"}
        assert holding(folder, password) == []
        nodes.stop(worker)
    finally:
        nodes.end()


@on_postgresql
def test_a_password_goes_to_ray_of_our_own_by_a_closed_file(
    database: Database, own_ray: OwnRay, tmp_path: Path
) -> None:
    from tests.worker.benches import TTL_S, Bench
    from tests.worker.fakes import RUNNER
    from worker.order import Setting
    from worker.ray_cluster import Cluster, keep_url, namespace_of
    from worker.ray_engine import RayEngine

    url, password = with_password(database.url)
    file = keep_url(own_ray.folder, url)
    assert file is not None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    setting = Setting(url, str(tmp_path / "artifacts"), str(tmp_path), "cpu", 1, TTL_S, 60.0, RUNNER)
    cluster = Cluster(namespace_of(url), url_file=file)
    bench = Bench(database, lambda s: RayEngine(cluster, s), setting)
    try:
        order = bench.place()
        assert bench.wait_for_end(order)[0].state == "finished"
        assert holding(own_ray.folder / "ray", password) == []
        assert holding(own_ray.folder / "ray", order.token) == []
        assert [p for p in own_ray.folder.iterdir() if p.is_file() and password.encode() in p.read_bytes()] == [file]
    finally:
        bench.end()
    assert keep_url(own_ray.folder, database.url if make_url(database.url).password is None else "sqlite:///a") is None
    assert not file.exists()
