"""The connection to Ray: a cluster by its address, or one of our own on this machine that outlives the worker.

Ray runs whatever a client sends it, as the user who started it, and listens on every interface: both kinds demand a
token (`RAY_AUTH_MODE=token`). It crosses the network in clear unless Ray's TLS is set up: keep a cluster on a closed
network. The database's password does not go through Ray (`worker.ray_password`).
"""

import fcntl
import hashlib
import json
import logging
import os
import platform
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import make_url

from sparseift.errors import InvalidValue
from store import urls
from worker.local import ROOT
from worker.processes import find
from worker.ray_api import NodeAffinity, ray
from worker.ray_password import VARIABLE, hide, is_hidden, missing

START_LIMIT_S = 120.0
PROBE_LIMIT_S = 30.0
REFUSAL = "ray.exceptions.AuthenticationError"  # in what a client without a token is told
NODE_LIMIT_S = 60.0  # for the nodes to say whether they know the database
TOKEN_FILE = Path(".ray") / "auth_token"  # in the home folder, where `ray get-auth-token --generate` puts it

log = logging.getLogger(__name__)


def namespace_of(database_url: str) -> str:
    """Where the actors of a database live: those of others on the same cluster are never seen or ended."""
    url = make_url(database_url)
    where = f"{url.get_backend_name()} {url.host} {url.port} {url.database}"
    return f"sparseift-{hashlib.sha256(where.encode()).hexdigest()[:12]}"


def require_token() -> None:
    """Return where this program presents a token.

    Raises:
        InvalidValue: RAY_AUTH_MODE is not "token", or there is no token.
    """
    _require_mode()
    path = os.environ.get("RAY_AUTH_TOKEN_PATH")
    named = Path(path) if path else Path.home() / TOKEN_FILE
    if not os.environ.get("RAY_AUTH_TOKEN") and not (named.is_file() and named.stat().st_size):
        raise InvalidValue(
            f"There is no Ray token in RAY_AUTH_TOKEN or {named}; `ray get-auth-token --generate` makes one, and every "
            "node and this program need the same."
        )


def _require_mode() -> None:
    mode = os.environ.get("RAY_AUTH_MODE")  # unset, `worker.ray_api` has set it
    if mode != "token":
        raise InvalidValue(
            f"RAY_AUTH_MODE is '{mode}'; Ray is used with RAY_AUTH_MODE=token only, on every node and here: without "
            "it, anybody who reaches its port runs programs on it."
        )


def require_closed(address: str) -> None:
    """Return where the cluster is known to turn away a client without a token.

    Raises:
        InvalidValue: it answers anybody, or gives no answer from which that could be told.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH_")} | {"RAY_AUTH_MODE": "disabled"}
    probe = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        answer = subprocess.run(
            probe,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PROBE_LIMIT_S,
            check=False,
            cwd=tempfile.gettempdir(),
        )
    except subprocess.TimeoutExpired:
        raise InvalidValue(
            f"The Ray cluster at {address} is not known to demand a token and is not joined: it gave no answer within "
            f"{PROBE_LIMIT_S:g} s."
        ) from None
    if answer.returncode == 0:
        raise InvalidValue(
            f"The Ray cluster at {address} answers without a token; start its nodes with RAY_AUTH_MODE=token."
        )
    if REFUSAL not in answer.stderr:
        said = (answer.stderr.strip().splitlines() or ["nothing"])[-1]
        raise InvalidValue(
            f"The Ray cluster at {address} is not known to demand a token and is not joined; the answer was: {said}"
        )


class Cluster:
    """A connection, of which a process has one.

    Attributes:
        namespace: of our actors.
        url_file: that holds the database's URL on this machine, where that has a password and all attempts run here.
    """

    def __init__(self, namespace: str, held: int | None = None, url_file: Path | None = None) -> None:
        self.namespace, self.url_file = namespace, url_file
        self._held = held

    def close(self) -> None:
        """Let go: running actors go on; Ray of our own ends when the last has ended and no worker is left."""
        ray.shutdown()
        if self._held is not None:
            os.close(self._held)
            self._held = None


def join(address: str, database_url: str) -> Cluster:
    """Connect to a cluster that others have started; this machine must be one of its nodes.

    Raises:
        InvalidValue: the database is an SQLite file; the cluster or this program knows no token; nobody answers; its
            nodes do not know the database's password.
    """
    if urls.parse(database_url).get_backend_name() == "sqlite":
        raise InvalidValue("An SQLite file cannot be shared by the machines of a Ray cluster; use PostgreSQL.")
    require_token()
    require_closed(address)
    _connect(address, namespace_of(database_url))
    cluster = Cluster(namespace_of(database_url))
    try:
        _require_password(hide(database_url))
    except InvalidValue:
        cluster.close()
        raise
    return cluster


def _require_password(url: str) -> None:
    """Return where every node that answers knows what `hide` has left out of the URL.

    Raises:
        InvalidValue: one does not.
    """
    if not is_hidden(url):
        return
    hosts = {node["NodeID"]: node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"]}
    asked = {}
    for node in hosts:
        options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": NodeAffinity(node, soft=False)}
        asked[ray.remote(missing).options(**options).remote(url)] = hosts[node]
    answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=NODE_LIMIT_S)
    for promise in answered:
        try:
            reason = str(ray.get(promise))
        except ray.exceptions.RayError as error:
            log.warning("The node %s does not say whether it knows the database: %s", asked[promise], error)
            continue
        if reason:
            raise InvalidValue(f"Node {asked[promise]}: {reason}")
    if silent:  # an attempt that is placed there says the same as it fails
        log.warning("%d nodes do not say whether they know the database", len(silent))


def embed(database_url: str, *, cpus: int, gpus: int, visible: str | None = None) -> Cluster:
    """Connect to Ray on this machine, started here unless an earlier worker of this database left it running.

    Args:
        cpus, gpus: that attempts may use, where it is started.
        visible: CUDA_VISIBLE_DEVICES of its GPUs; None leaves it alone.

    Raises:
        InvalidValue: it did not start, or its folder is another user's; RAY_AUTH_MODE is not "token".
    """
    _require_mode()
    folder = folder_of(database_url)
    held = os.open(folder / "in-use", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(held, fcntl.LOCK_SH)  # let go by the kernel, however this process ends; `worker.ray_head` looks at it
    token = folder / "token"
    if not token.exists():
        draft = folder / f"token.{secrets.token_hex(4)}"
        draft.touch(0o600)
        draft.write_text(secrets.token_hex(32))
        try:
            os.link(draft, token)  # unless another was faster
        except FileExistsError:
            log.debug("Another worker has made the token")
        draft.unlink()
    os.environ.pop("RAY_AUTH_TOKEN", None)
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(token)
    found = running(folder) or _start(folder, cpus, gpus, visible)
    _connect(found["address"], namespace_of(database_url))
    return Cluster(namespace_of(database_url), held, keep_url(folder, database_url))


def keep_url(folder: Path, database_url: str) -> Path | None:
    """Write the URL where attempts on Ray of our own look for its password; None where it has none.

    It is written by each worker that comes, as passwords change, and removed as Ray ends (`worker.ray_head`).
    """
    file = folder / "database"
    if not is_hidden(hide(database_url)):
        file.unlink(missing_ok=True)
        return None
    draft = folder / f"database.{secrets.token_hex(4)}"
    draft.touch(0o600)
    draft.write_text(database_url)
    draft.replace(file)
    return file


def folder_of(database_url: str) -> Path:
    """Where our own Ray of a database keeps its token, sockets and logs: short, as sockets' paths are limited, and
    closed to others.

    Raises:
        InvalidValue: it is another user's.
    """
    key = namespace_of(database_url).removeprefix("sparseift-")[:8]
    folder = Path(tempfile.gettempdir()) / f"sparseift-{os.getuid()}-{key}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise InvalidValue(f"The folder {folder} is open to others or not ours; remove it.")
    return folder


def running(folder: Path) -> dict[str, str] | None:
    """The address of the Ray that runs there, and the process that ends it on SIGTERM; None where there is none."""
    try:
        found: dict[str, str] = json.loads((folder / "address").read_text())
    except (OSError, ValueError):
        return None
    return found if find(found["process"]) is not None else None


def _start(folder: Path, cpus: int, gpus: int, visible: str | None) -> dict[str, str]:
    """Start it; as `running`."""
    gate = os.open(folder / "starting", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(gate, fcntl.LOCK_EX)
        if (found := running(folder)) is not None:
            return found
        environment = {k: v for k, v in os.environ.items() if k != VARIABLE} | {
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        if visible is not None:
            environment["CUDA_VISIBLE_DEVICES"] = visible
        started_at = time.monotonic()
        with (folder / "head.log").open("ab") as output:
            head = subprocess.Popen(
                [sys.executable, "-m", "worker.ray_head", str(folder), str(cpus), str(gpus)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        while (found := running(folder)) is None:
            if head.poll() is not None or time.monotonic() - started_at > START_LIMIT_S:
                head.terminate()
                raise InvalidValue(f"Ray did not start; {folder / 'head.log'} says why.")
            time.sleep(0.05)
        took_s = time.monotonic() - started_at
        log.info("Ray runs at %s on %s, started in %.1f s", found["address"], platform.node(), took_s)
        return found
    finally:
        os.close(gate)


def _connect(address: str, namespace: str) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        ray.init(address, namespace=namespace, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise InvalidValue(f"Ray at {address} cannot be joined: {str(error).splitlines()[0]}") from error
    for number, handler in handlers.items():  # Ray's own would end the worker without handing its attempts back
        signal.signal(number, handler)
