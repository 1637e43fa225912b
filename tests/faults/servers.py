"""Programs that a fault ends and starts again: a PostgreSQL of one's own, the service, a small disk."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests import postgres

ROOT = Path(__file__).resolve().parents[2]


class Cluster:
    """A PostgreSQL server that can crash and come back on the same port, with what it had committed."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as_user:
            shutil.chown(folder, "postgres")
        self._data, self._port = folder / "data", postgres._free_port()
        self._control = [*self._as_user, str(programs / "pg_ctl"), "-D", str(self._data), "-w", "-t", "60"]
        options = f"-h 127.0.0.1 -p {self._port} -k {folder}"
        self._start = [*self._control, "-l", str(folder / "log"), "-o", options, "start"]
        make = [str(programs / "initdb"), "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        postgres._run([*self._as_user, *make])

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        postgres._run(self._start)

    def crash(self) -> None:
        """As if the power had gone: no checkpoint, no goodbye to clients."""
        postgres._run([*self._control, "-m", "immediate", "stop"])


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server in a temporary folder, started."""
    programs = postgres._programs()
    if programs is None or (os.geteuid() == 0 and not postgres._has_user_postgres()):
        pytest.skip("PostgreSQL's programs are not installed.")
    folder = Path(mkdtemp(prefix="sparseift-faults-"))
    try:
        made = Cluster(programs, folder)
        made.start()
        yield made
        made.crash()
    finally:
        shutil.rmtree(folder)


class Service:
    """`python -m service` on a database, in a process of its own."""

    def __init__(self, database_url: str, port: int, environment: dict[str, str] | None = None) -> None:
        command = [
            *(sys.executable, "-m", "service", "--database", database_url, "--port", str(port)),
            *("--lease-ttl-s", "3", "--reap-every-s", "0.5"),  # the TTL of the tests' workers
        ]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if json.loads(line)["message"].startswith("Serving on "):
                return
        pytest.fail("the service ended without serving")

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[None]:
    """A file system of its own at `folder`, that can be full."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("This machine lets nobody mount a small file system.")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
